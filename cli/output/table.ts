import { harmless } from "./colour.ts";

export interface Column<T> {
  readonly title: string;
  readonly of: (row: T) => string;
  /** The same in fewer words, where the terminal is too narrow for all. */
  readonly brief?: (row: T) => string;
  /** It gives way, down to so many characters, where the terminal is too narrow. */
  readonly shrinksTo?: number;
}

const GAP = "   ";
const NARROW_GAP = "  ";

/**
 * Rows in columns, as kubectl has them.
 * @param width columns of the terminal; undefined where nothing is to be cut
 */
export function tableLines<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  width?: number,
): { header: string; rows: string[] } {
  let gap = GAP;
  let cells = rows.map((row) => columns.map((column) => harmless(column.of(row))));
  let widths = widthsOf(columns, cells);
  if (width !== undefined && excessOf(widths, gap, width) > 0) {
    gap = NARROW_GAP;
    if (excessOf(widths, gap, width) > 0) {
      cells = rows.map((row) => columns.map(({ of, brief = of }) => harmless(brief(row))));
      widths = widthsOf(columns, cells);
    }
    shrink(columns, widths, excessOf(widths, gap, width));
  }
  const line = (texts: readonly string[]): string => {
    const text = texts.map((cell, at) => cut(cell, widths[at] ?? 0).padEnd(widths[at] ?? 0)).join(gap);
    return width === undefined ? text.trimEnd() : cut(text.trimEnd(), width);
  };
  return { header: line(columns.map(({ title }) => title)), rows: cells.map(line) };
}

function widthsOf<T>(columns: readonly Column<T>[], cells: readonly (readonly string[])[]): number[] {
  return columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
}

function excessOf(widths: readonly number[], gap: string, width: number): number {
  return widths.reduce((sum, each) => sum + each + gap.length, -gap.length) - width;
}

function shrink<T>(columns: readonly Column<T>[], widths: number[], tooMuch: number): void {
  let excess = tooMuch;
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
