import { ManifestError } from "../../errors.ts";

export const COLUMNS = ["device_id", "group_id", "certificate"] as const;
type Column = (typeof COLUMNS)[number];

/** Where the columns stand in a row, counted from 0, and how many columns the header has. */
export type Header = Readonly<Record<Column, number>> & { readonly width: number };

const SEPARATORS = [",", ";", "\t"] as const;

/**
 * The separator with which the header line has all columns.
 * @throws ManifestError NotAManifest
 */
export function separatorOf(line: string): string {
  const readings = SEPARATORS.map((separator) => ({ separator, names: line.split(separator).map(nameOf) }));
  const found = ({ names }: { names: string[] }) => COLUMNS.filter((column) => names.includes(column));
  const best = readings.toSorted((a, b) => found(b).length - found(a).length)[0];
  const present = best === undefined ? [] : found(best);
  if (best === undefined || present.length < COLUMNS.length) throw noHeader(present);
  return best.separator;
}

/**
 * Finds the columns in the header row; any order, any case, others between them are ignored.
 * @throws ManifestError NotAManifest
 */
export function readHeader(fields: readonly string[]): Header {
  const names = fields.map(nameOf);
  const present = COLUMNS.filter((column) => names.includes(column));
  if (present.length < COLUMNS.length) throw noHeader(present);
  const twice = COLUMNS.find((column) => names.indexOf(column) !== names.lastIndexOf(column));
  if (twice !== undefined) {
    throw new ManifestError("NotAManifest", `the header names the column ${twice} more than once`);
  }
  return {
    device_id: names.indexOf("device_id"),
    group_id: names.indexOf("group_id"),
    certificate: names.indexOf("certificate"),
    width: names.length,
  };
}

function nameOf(field: string): string {
  return field
    .trim()
    .replace(/^"(.*)"$/, "$1")
    .trim()
    .toLowerCase()
    .replaceAll(/[ -]/g, "_");
}

function noHeader(present: readonly string[]): ManifestError {
  const missing = COLUMNS.filter((column) => !present.includes(column));
  const found = present.length === 0 ? "none of them is there" : `${missing.join(" and ")} is missing`;
  return new ManifestError(
    "NotAManifest",
    `the first line must be a header with the columns ${COLUMNS.join(", ")} (separated by commas, semicolons or tabs): ${found}`,
  );
}
