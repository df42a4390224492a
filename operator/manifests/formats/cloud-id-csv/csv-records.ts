import { CsvError, parse, type Parser } from "csv-parse";
import { ManifestError } from "../../errors.ts";
import { byteSize } from "../../printable.ts";
import { Turn } from "../../turn.ts";
import { countLines, emptyLines, firstLine } from "./lines.ts";

/** `row`: the line on which the record begins, the first line being 1. */
export type CsvRow = { row: number; fields: readonly string[] } | { row: number; unreadable: string };

const PIECE = 16 * 1024;
/** How much may be read again after records that cannot be read, unless given. */
const MAX_REREAD_BYTES = 128 * 1024 ** 2;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Frames CSV records in UTF-8 chunks, through csv-parse. That library stops at the first record that it
 * cannot read, and an unclosed quotation mark takes the records after it along. So the bytes since the last
 * good record are kept (bounded by the largest record), and reading starts over at the next line that can
 * begin a record: one bad record costs no neighbour.
 */
export class CsvRecords {
  readonly #separator: string;
  readonly #maxRecordBytes: number;
  #parser: Parser;
  #found: { fields: readonly string[]; end: number }[] = [];
  /** Bytes that no record has been made of yet. */
  #window = NOTHING;
  /** Where the window begins, counted from the first byte that the parser was given. */
  #offset = 0;
  #row = 1;
  /** After a record that cannot be read: its first line is still to be dropped, or a next one to be found. */
  #skip: "line" | "seek" | undefined;
  readonly #maxRereadBytes: number;
  #rereadBytes = 0;
  readonly #turn = new Turn();

  constructor(options: { separator: string; maxRecordBytes: number; maxRereadBytes?: number }) {
    this.#maxRereadBytes = options.maxRereadBytes ?? MAX_REREAD_BYTES;
    this.#separator = options.separator;
    this.#maxRecordBytes = options.maxRecordBytes;
    this.#parser = this.#start();
  }

  /** @throws ManifestError ManifestTooLarge, NotAManifest */
  async push(chunk: Buffer): Promise<readonly CsvRow[]> {
    const rows: CsvRow[] = [];
    for (let at = 0; at < chunk.length; at += PIECE) {
      await this.#advance(chunk.subarray(at, at + PIECE), false, rows);
    }
    return rows;
  }

  /** The rest, once all is pushed. */
  async end(): Promise<readonly CsvRow[]> {
    const rows: CsvRow[] = [];
    await this.#advance(NOTHING, true, rows);
    return rows;
  }

  close(): void {
    this.#parser.destroy();
  }

  async #advance(piece: Buffer, last: boolean, rows: CsvRow[]): Promise<void> {
    let input = piece;
    for (;;) {
      if (this.#turn.isOver()) await this.#turn.next();
      this.#window = this.#window.length === 0 ? input : Buffer.concat([this.#window, input]);
      if (this.#skip !== undefined) {
        if (!this.#seek(last)) return;
        this.#parser = this.#start();
        this.#offset = 0;
        input = this.#window;
        this.#countReread(input.length);
      }
      const error = await (last ? ended(this.#parser, input) : written(this.#parser, input));
      this.#take(rows);
      if (error === undefined) return;
      rows.push(this.#refused(error));
      this.#parser.destroy();
      this.#skip = "line";
      input = NOTHING;
    }
  }

  #start(): Parser {
    const parser = parse({
      delimiter: this.#separator,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: this.#maxRecordBytes,
      on_record: (fields: string[], { bytes }) => {
        this.#found.push({ fields, end: bytes });
        return null;
      },
    });
    // Errors arrive at the callback of the write that met them.
    parser.on("error", () => {});
    return parser;
  }

  #take(rows: CsvRow[]): void {
    for (const { fields, end } of this.#found) {
      this.#dropEmptyLines();
      rows.push({ row: this.#row, fields });
      this.#drop(end - this.#offset);
    }
    this.#found = [];
    this.#dropEmptyLines();
  }

  #dropEmptyLines(): void {
    this.#drop(emptyLines(this.#window));
  }

  #drop(bytes: number): void {
    if (bytes <= 0) return;
    this.#row += countLines(this.#window.subarray(0, bytes));
    this.#window = this.#window.subarray(bytes);
    this.#offset += bytes;
  }

  #refused(error: Error): CsvRow {
    if (!(error instanceof CsvError)) throw error;
    if (error.code === "CSV_MAX_RECORD_SIZE") {
      const line = firstLine(this.#window, false);
      if (line < 0 || line > this.#maxRecordBytes) throw this.#tooLong();
    }
    return { row: this.#row, unreadable: this.#explain(error.code) };
  }

  #explain(code: string): string {
    switch (code) {
      case "CSV_INVALID_CLOSING_QUOTE":
        return "text follows a closing quotation mark: a quoted field is not closed, or a quotation mark within it is not doubled";
      case "INVALID_OPENING_QUOTE":
        return "a quotation mark stands within a field that is not quoted";
      case "CSV_QUOTE_NOT_CLOSED":
        return "a quoted field is not closed before the file ends";
      case "CSV_MAX_RECORD_SIZE":
        return `the entry is longer than ${byteSize(this.#maxRecordBytes)}: a quoted field may not be closed`;
      default:
        return "the row is no CSV record";
    }
  }

  /** Drops lines until the window begins with one that can begin a record. */
  #seek(last: boolean): boolean {
    for (;;) {
      const line = firstLine(this.#window, last);
      if (line > this.#maxRecordBytes || (line < 0 && this.#window.length > this.#maxRecordBytes)) {
        throw this.#tooLong();
      }
      if (line < 0) return false;
      if (this.#skip === "seek" && this.#canBeginRecord(this.#window.subarray(0, line))) {
        this.#skip = undefined;
        return true;
      }
      this.#skip = "seek";
      this.#drop(line);
    }
  }

  /** The lines within a PEM certificate hold no separator, and its last one begins as the PEM text ends. */
  #canBeginRecord(line: Buffer): boolean {
    const text = line.toString("latin1").trimStart();
    if (text.startsWith("-----END")) return false;
    return text.includes(this.#separator) || text.startsWith('"-----BEGIN');
  }

  #countReread(bytes: number): void {
    this.#rereadBytes += bytes;
    if (this.#rereadBytes <= this.#maxRereadBytes) return;
    throw new ManifestError(
      "NotAManifest",
      `too many rows up to row ${this.#row} cannot be read: the file is damaged, or no CSV`,
    );
  }

  #tooLong(): ManifestError {
    return new ManifestError(
      "ManifestTooLarge",
      `row ${this.#row} is longer than ${byteSize(this.#maxRecordBytes)}: the file is damaged, or no CSV of certificates`,
    );
  }
}

function written(parser: Parser, bytes: Buffer): Promise<Error | undefined> {
  return new Promise((resolve) => {
    parser.write(bytes, (error) => resolve(error ?? undefined));
  });
}

function ended(parser: Parser, bytes: Buffer): Promise<Error | undefined> {
  return new Promise((resolve) => {
    // "finish" has the error of the flush too, which the stream's types do not say.
    parser.end(bytes, (error?: Error | null) => resolve(error ?? undefined));
  });
}
