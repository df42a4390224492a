import { harmless } from "./colour.ts";

export interface Column<T> {
  readonly title: string;
  readonly of: (row: T) => string;
  /** It gives way, down to so many characters, where the terminal is too narrow. */
  readonly shrinksTo?: number;
}

const GAP = "   ";

/**
 * Rows in columns, as kubectl has them.
 * @param width columns of the terminal; undefined where nothing is to be cut
 */
export function tableLines<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  width?: number,
): { header: string; rows: string[] } {
  const cells = rows.map((row) => columns.map((column) => harmless(column.of(row))));
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  if (width !== undefined) shrink(columns, widths, width);
  const line = (texts: readonly string[]): string => {
    const text = texts.map((cell, at) => cut(cell, widths[at] ?? 0).padEnd(widths[at] ?? 0)).join(GAP);
    return width === undefined ? text.trimEnd() : cut(text.trimEnd(), width);
  };
  return { header: line(columns.map(({ title }) => title)), rows: cells.map(line) };
}

function shrink<T>(columns: readonly Column<T>[], widths: number[], width: number): void {
  let excess = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length) - width;
  // The last columns tell most, in most words: they give way first.
  for (let at = columns.length - 1; at >= 0 && excess > 0; at -= 1) {
    const { shrinksTo, title = "" } = columns[at] ?? {};
    const now = widths[at] ?? 0;
    if (shrinksTo === undefined) continue;
    const then = Math.max(Math.min(now, Math.max(shrinksTo, title.length)), now - excess);
    widths[at] = then;
    excess -= now - then;
  }
}

/** A text of at most so many characters; what is left out is shown to be. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 0 ? "" : `${text.slice(0, width - 1)}…`;
}
