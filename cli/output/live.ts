import type { Io, Output } from "../io.ts";
import { cut } from "./table.ts";

const HIDE = "\u001B[?25l";
const SHOW = "\u001B[?25h";
const ESCAPE = "\u001B";
const CODES = new RegExp(`${ESCAPE}\\[[0-9;]*m`, "g");

/** Whether what was written can be drawn over: on a terminal that says it knows how. */
export function canDraw(output: Output, { env }: Pick<Io, "env">): boolean {
  return output.isTTY && env["TERM"] !== "dumb";
}

/** A line that knows how to fit a width: text that is cut may hold colours, so who made it cuts it. */
export type LineMaker = (width: number) => readonly string[];

/**
 * A part of the terminal that is drawn anew in place. It is never higher than the terminal, since what has left the
 * screen cannot be drawn over.
 */
export class LiveRegion {
  readonly #output: Output;
  readonly #stopListening: () => void;
  #shown: readonly string[] = [];
  #make: LineMaker = () => [];
  #open = true;
  readonly #keepLast: () => void;

  /** @param output a terminal that can be drawn on */
  constructor(output: Output) {
    this.#output = output;
    this.#keepLast = output.atEnd(SHOW);
    this.#stopListening = output.onResize(() => void this.#draw(true));
    void output.write(HIDE);
  }

  async show(make: LineMaker): Promise<void> {
    this.#make = make;
    await this.#draw(false);
  }

  /** A line above what is shown. */
  async note(text: string): Promise<void> {
    await this.#output.write(`${this.#erase()}${text}\n`);
    this.#shown = [];
    await this.#draw(true);
  }

  /** Leaves what is shown where it is, and gives the cursor back. Safe to call twice. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#stopListening();
    this.#keepLast();
    await this.#output.write(SHOW);
  }

  async #draw(anew: boolean): Promise<void> {
    if (!this.#open) return;
    const width = this.#output.columns ?? 80;
    const height = Math.max(2, (this.#output.rows ?? 24) - 1);
    const made = this.#make(width);
    const hidden = made.length - height;
    const lines = hidden <= 0 ? made : [...made.slice(0, height - 1), cut(`… and ${hidden + 1} more`, width)];
    if (!anew && lines.join("\n") === this.#shown.join("\n")) return;
    const erase = this.#erase();
    this.#shown = lines;
    await this.#output.write(lines.length === 0 ? erase : `${erase}${lines.join("\n")}\n`);
  }

  /** A terminal that was made narrower has wrapped the lines that were wider than it is now. */
  #erase(): string {
    const width = Math.max(1, this.#output.columns ?? 80);
    const rows = this.#shown.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(line.replaceAll(CODES, "").length / width)),
      0,
    );
    return rows === 0 ? "" : `\u001B[${rows}A\r\u001B[0J`;
  }
}
