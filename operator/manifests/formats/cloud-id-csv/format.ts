import { ManifestError } from "../../errors.ts";
import { byteSize } from "../../printable.ts";
import { containsPrivateKey, isEncodedPrivateKey, PrivateKeyScan } from "../../private-keys.ts";
import type { ReadLimits } from "../../records.ts";
import { foreignContent } from "../foreign.ts";
import type { ArchiveFile, Content, Entry, ManifestFormat } from "../port.ts";
import { asUtf8 } from "../text.ts";
import { CsvRecords, type CsvRow } from "./csv-records.ts";
import { type Header, readHeader, separatorOf } from "./header.ts";
import { firstLine } from "./lines.ts";

/**
 * The manifest of the Cloud ID service: CSV with the columns device_id, group_id and certificate, by itself
 * or as the one CSV in a .7z archive.
 */
export const cloudIdCsv: ManifestFormat = {
  name: "CloudIdCsv",
  accepts: (content) =>
    content.kind === "plain"
      ? foreignContent(content.head) === undefined
      : csvIn(content.files) !== undefined,
  entries,
};

async function* entries(
  content: Content,
  limits: ReadLimits,
  signal: AbortSignal,
): AsyncGenerator<readonly Entry[]> {
  // The bytes were searched as they stand; what UTF-16 hides, such as base64 of a key, is found in the text.
  const scan = new PrivateKeyScan();
  const text = asUtf8(csvBytes(content, limits, signal), (decoded) => scan.push(decoded));
  const start = await headerLine(text, limits);
  const records = new CsvRecords({
    separator: separatorOf(start.line),
    maxRecordBytes: limits.maxRecordBytes,
  });
  let header: Header | undefined;
  const entriesOf = (rows: readonly CsvRow[]): Entry[] => {
    const found: Entry[] = [];
    for (const row of rows) {
      if (header !== undefined) {
        const entry = entryOf(row, header);
        if (entry !== undefined) found.push(entry);
      } else if ("fields" in row) {
        header = readHeader(row.fields);
      } else {
        throw new ManifestError(
          "NotAManifest",
          `the header in row ${row.row} cannot be read: ${row.unreadable}`,
        );
      }
    }
    return found;
  };
  try {
    yield entriesOf(await records.push(start.bytes));
    for await (const chunk of text) {
      signal.throwIfAborted();
      yield entriesOf(await records.push(chunk));
    }
    yield entriesOf(await records.end());
  } finally {
    records.close();
  }
}

/** The CSV file's bytes, while all that passes by is counted. */
async function* csvBytes(content: Content, limits: ReadLimits, signal: AbortSignal): AsyncGenerator<Buffer> {
  const wanted = content.kind === "plain" ? { from: 0, to: Infinity } : placeOf(content.files);
  let at = 0;
  for await (const chunk of content.bytes(signal)) {
    const from = Math.max(0, wanted.from - at);
    const to = Math.min(chunk.length, wanted.to - at);
    at += chunk.length;
    if (at > limits.maxContentBytes) {
      throw new ManifestError(
        "ManifestTooLarge",
        `the manifest holds more than ${byteSize(limits.maxContentBytes)}, the most that is read`,
      );
    }
    if (to > from) yield chunk.subarray(from, to);
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

function entryOf(row: CsvRow, header: Header): Entry | undefined {
  if ("unreadable" in row) return row;
  const { fields } = row;
  if (fields.every(isBlank)) return undefined;
  if (fields.some(isEncodedPrivateKey)) throw containsPrivateKey();
  const needed = Math.max(header.device_id, header.group_id, header.certificate) + 1;
  if (fields.length < needed) {
    const unreadable = `the row has ${fields.length} of the header's ${header.width} fields`;
    return { row: row.row, unreadable };
  }
  if (!fields.slice(header.width).every(isBlank)) {
    const unreadable = `the row has ${fields.length} fields and the header has ${header.width}; a field that holds a separator must be quoted`;
    return { row: row.row, unreadable };
  }
  return {
    row: row.row,
    deviceId: (fields[header.device_id] ?? "").trim(),
    groupId: (fields[header.group_id] ?? "").trim(),
    certificate: fields[header.certificate] ?? "",
  };
}

/** Spreadsheets leave rows of separators, and old tools an end-of-file character (Ctrl-Z) or zeros. */
function isBlank(field: string): boolean {
  return /^[\s\p{Cc}]*$/u.test(field);
}

/** The one file, or else the one whose name says that it is the CSV among others such as a README. */
function csvIn(files: readonly ArchiveFile[]): ArchiveFile | undefined {
  const candidates = files.length === 1 ? files : files.filter((file) => /\.csv$/i.test(file.name));
  return candidates.length === 1 ? candidates[0] : undefined;
}

function placeOf(files: readonly ArchiveFile[]): { from: number; to: number } {
  const csv = csvIn(files);
  if (csv === undefined)
    throw new ManifestError("NotAManifest", "the archive does not hold exactly one CSV file");
  const before = files.slice(0, files.indexOf(csv)).reduce((sum, file) => sum + file.size, 0);
  return { from: before, to: before + csv.size };
}
