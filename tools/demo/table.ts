import type { Row } from "./progress.ts";

const HEADER = ["BATCH", "ACCOUNT", "BOUND", "PROVISIONED", "CLOUDS", "STATE"];
const CLOUDS = HEADER.indexOf("CLOUDS");
/** CLOUDS gives way where the table is too wide, but not below this. */
const NARROWEST_CLOUDS = 12;
const ESCAPE = "\u001B[";

/** The table as lines of text, none wider than `width`. */
export function renderTable(rows: readonly Row[], width = Number.POSITIVE_INFINITY): string[] {
  const cells = [HEADER, ...rows.map(cellsOf)];
  const widths = HEADER.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const excess = widths.reduce((sum, each) => sum + each + 2, -2) - width;
  const clouds = widths[CLOUDS] ?? 0;
  if (excess > 0) widths[CLOUDS] = Math.max(Math.min(clouds, NARROWEST_CLOUDS), clouds - excess);
  return cells.map((line) => {
    const text = line
      .map((cell, column) => cut(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
    return cut(text, width);
  });
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}

function cellsOf(row: Row): string[] {
  const total = row.clouds.length > 0 ? `${row.provisioned}/${row.devices}` : "-";
  const clouds = row.clouds.map((cloud) =>
    cloud.state === "Provisioned" ? cloud.name : `${cloud.name} (${cloud.state})`,
  );
  return [row.batch, row.account, `${row.bound}/${row.devices}`, total, clouds.join(", ") || "-", row.state];
}

export interface TableOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows rows as they change: redrawn in place on a terminal, else a line for each row that changed. */
export class LiveTable {
  readonly #output: TableOutput;
  #shown: readonly string[] = [];
  readonly #told = new Map<string, string>();

  constructor(output: TableOutput) {
    this.#output = output;
  }

  show(rows: readonly Row[]): void {
    if (this.#output.isTTY === true) this.#redraw(rows);
    else this.#tell(rows);
  }

  /** A line above the table. */
  note(text: string): void {
    this.#output.write(`${this.#erase()}${text}\n`);
    if (this.#shown.length > 0) this.#output.write(`${this.#shown.join("\n")}\n`);
  }

  /** Leaves what is shown where it is; what is shown next comes below it. */
  settle(): void {
    this.#shown = [];
  }

  #redraw(rows: readonly Row[]): void {
    const lines = renderTable(rows, this.#output.columns ?? 120);
    if (lines.join("\n") === this.#shown.join("\n")) return;
    this.#output.write(`${this.#erase()}${lines.join("\n")}\n`);
    this.#shown = lines;
  }

  #erase(): string {
    return this.#shown.length === 0 ? "" : `${ESCAPE}${this.#shown.length}A${ESCAPE}0J`;
  }

  #tell(rows: readonly Row[]): void {
    for (const row of rows) {
      const [batch = "", account = "", bound = "", provisioned = "", clouds = "", state = ""] = cellsOf(row);
      const line = `${account}/${batch}: bound ${bound}, provisioned ${provisioned}, clouds ${clouds}, ${state}`;
      const key = `${account}/${batch}`;
      if (this.#told.get(key) === line) continue;
      this.#told.set(key, line);
      this.#output.write(`${line}\n`);
    }
  }
}
