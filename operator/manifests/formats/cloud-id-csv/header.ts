import { ManifestError } from "../../errors.ts";

/** The columns of a vendor's table, in lower case, with underscores for blanks and hyphens. */
export interface Columns<Column extends string> {
  readonly needed: readonly Column[];
  readonly optional: readonly Column[];
}

/** Where the columns stand in a row. */
export interface Header<Column extends string> {
  /** Counted from 0. */
  readonly at: ReadonlyMap<Column, number>;
  /** How many fields a row has at least, for all that are there. */
  readonly needed: number;
  /** How many columns the header has, others included. */
  readonly width: number;
}

const SEPARATORS = [",", ";", "\t"] as const;

/**
 * The separator with which the header line has all needed columns.
 * @throws ManifestError NotAManifest
 */
export function separatorOf(line: string, columns: Columns<string>): string {
  const readings = SEPARATORS.map((separator) => {
    const names = namesIn(line, separator);
    return { separator, present: columns.needed.filter((column) => names.includes(column)) };
  });
  const best = readings.toSorted((a, b) => b.present.length - a.present.length)[0];
  if (best === undefined || best.present.length < columns.needed.length) {
    throw noHeader(best?.present ?? [], columns);
  }
  return best.separator;
}

/** Whether a header line has all needed columns, with any of the separators. */
export function hasColumns(line: string, columns: Columns<string>): boolean {
  return SEPARATORS.some((separator) => {
    const names = namesIn(line, separator);
    return columns.needed.every((column) => names.includes(column));
  });
}

/**
 * Finds the columns in the header row; any order, any case, others between them are ignored.
 * @throws ManifestError NotAManifest
 */
export function readHeader<Column extends string>(
  fields: readonly string[],
  columns: Columns<Column>,
): Header<Column> {
  const names = fields.map(nameOf);
  const present = columns.needed.filter((column) => names.includes(column));
  if (present.length < columns.needed.length) throw noHeader(present, columns);
  const wanted = [...columns.needed, ...columns.optional].filter((column) => names.includes(column));
  const twice = wanted.find((column) => names.indexOf(column) !== names.lastIndexOf(column));
  if (twice !== undefined) {
    throw new ManifestError("NotAManifest", `the header names the column ${twice} more than once`);
  }
  const at = new Map(wanted.map((column) => [column, names.indexOf(column)]));
  return { at, needed: Math.max(...at.values()) + 1, width: names.length };
}

function namesIn(line: string, separator: string): string[] {
  return line.split(separator).map(nameOf);
}

function nameOf(field: string): string {
  return field
    .trim()
    .replace(/^"(.*)"$/, "$1")
    .trim()
    .toLowerCase()
    .replaceAll(/[ -]/g, "_");
}

function noHeader(present: readonly string[], { needed }: Columns<string>): ManifestError {
  const missing = needed.filter((column) => !present.includes(column));
  const found = present.length === 0 ? "none of them is there" : `${missing.join(" and ")} is missing`;
  return new ManifestError(
    "NotAManifest",
    `the first line must be a header with the columns ${needed.join(", ")} (separated by commas, semicolons or tabs): ${found}`,
  );
}
