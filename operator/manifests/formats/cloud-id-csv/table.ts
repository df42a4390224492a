import { ManifestError } from "../../errors.ts";
import { byteSize } from "../../printable.ts";
import { containsPrivateKey, isEncodedPrivateKey, PrivateKeyScan } from "../../private-keys.ts";
import type { ReadLimits } from "../../records.ts";
import { foreignContent } from "../foreign.ts";
import type { Content, Entry } from "../port.ts";
import { asUtf8 } from "../text.ts";
import { CsvRecords, type CsvRow } from "./csv-records.ts";
import { type Columns, type Header, readHeader, separatorOf } from "./header.ts";
import { firstLine } from "./lines.ts";

/** A vendor's table: its columns, and what its rows are as entries. */
export interface Table<Column extends string> {
  readonly columns: Columns<Column>;
  /** @param field a row's field, not trimmed; empty where the header lacks the column */
  entryOf(row: number, field: (column: Column) => string): Entry;
}

/**
 * The entries of a CSV file with a header, whatever its encoding, line ends, separator and order of columns.
 * @throws ManifestError
 */
export async function* tableEntries<Column extends string>(
  table: Table<Column>,
  content: Content,
  limits: ReadLimits,
  signal: AbortSignal,
): AsyncGenerator<readonly Entry[]> {
  // The bytes were searched as they stand; what UTF-16 hides, such as base64 of a key, is found in the text.
  const scan = new PrivateKeyScan();
  const text = asUtf8(countedBytes(content, limits, signal), (decoded) => scan.push(decoded));
  const start = await headerLine(text, limits);
  const records = new CsvRecords({
    separator: separatorOf(start.line, table.columns),
    maxRecordBytes: limits.maxRecordBytes,
  });
  let header: Header<Column> | undefined;
  const entriesOf = (rows: readonly CsvRow[]): Entry[] => {
    const found: Entry[] = [];
    for (const row of rows) {
      if (header !== undefined) {
        const entry = entryOf(row, header, table);
        if (entry !== undefined) found.push(entry);
      } else if ("fields" in row) {
        header = readHeader(row.fields, table.columns);
      } else {
        throw new ManifestError(
          "NotAManifest",
          `the header in row ${row.row} cannot be read: ${row.unreadable}`,
        );
      }
    }
    return found;
  };
  yield entriesOf(await records.push(start.bytes));
  for await (const chunk of text) {
    signal.throwIfAborted();
    yield entriesOf(await records.push(chunk));
  }
  yield entriesOf(await records.end());
}

/**
 * A plain content's bytes, counted as they pass by.
 * @throws ManifestError ManifestTooLarge
 */
export async function* countedBytes(
  content: Content,
  limits: ReadLimits,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  if (content.kind !== "plain") throw new ManifestError("NotAManifest", "the manifest is no single file");
  let seen = 0;
  for await (const chunk of content.bytes(signal)) {
    seen += chunk.length;
    if (seen > limits.maxContentBytes) {
      throw new ManifestError(
        "ManifestTooLarge",
        `the manifest holds more than ${byteSize(limits.maxContentBytes)}, the most that is read`,
      );
    }
    yield chunk;
  }
}

/** Reads on until the header line is there whole. */
async function headerLine(
  text: AsyncGenerator<Buffer>,
  limits: ReadLimits,
): Promise<{ line: string; bytes: Buffer }> {
  let bytes: Buffer = Buffer.alloc(0);
  let last = false;
  while (!last) {
    // Not for await: that would end the generator at the break.
    const next = await text.next();
    last = next.done === true;
    if (!last) bytes = Buffer.concat([bytes, next.value]);
    const blank = bytes.length - bytes.toString("latin1").trimStart().length;
    const length = firstLine(bytes.subarray(blank), last);
    const whole = length >= 0 || last || bytes.length > limits.maxRecordBytes;
    if (!whole) continue;
    const foreign = foreignContent(bytes.subarray(0, 4096));
    if (foreign !== undefined) throw new ManifestError("NotAManifest", `the file is ${foreign}`);
    if (length > limits.maxRecordBytes || (length < 0 && !last)) {
      throw new ManifestError(
        "ManifestTooLarge",
        `the first line is longer than ${byteSize(limits.maxRecordBytes)}: the file is no CSV of certificates`,
      );
    }
    if (length < 0) break;
    return { line: bytes.subarray(blank, blank + length).toString("utf8"), bytes };
  }
  throw new ManifestError("ManifestEmpty", "the file is empty: not even a header is there");
}

function entryOf<Column extends string>(
  row: CsvRow,
  header: Header<Column>,
  table: Table<Column>,
): Entry | undefined {
  if ("unreadable" in row) return row;
  const { fields } = row;
  if (fields.every(isBlank)) return undefined;
  if (fields.some(isEncodedPrivateKey)) throw containsPrivateKey();
  if (fields.length < header.needed) {
    const unreadable = `the row has ${fields.length} of the header's ${header.width} fields`;
    return { row: row.row, unreadable };
  }
  if (!fields.slice(header.width).every(isBlank)) {
    const unreadable = `the row has ${fields.length} fields and the header has ${header.width}; a field that holds a separator must be quoted`;
    return { row: row.row, unreadable };
  }
  return table.entryOf(row.row, (column) => {
    const at = header.at.get(column);
    return at === undefined ? "" : (fields[at] ?? "");
  });
}

/** Spreadsheets leave rows of separators, and old tools an end-of-file character (Ctrl-Z) or zeros. */
function isBlank(field: string): boolean {
  return /^[\s\p{Cc}]*$/u.test(field);
}
