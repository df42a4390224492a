import { ManifestError } from "../../errors.ts";
import { byteSize } from "../../printable.ts";
import { Turn } from "../../turn.ts";
import { type CsvFault, CsvScanner } from "./csv-scanner.ts";
import { countLines, CR, emptyLines, firstLine, LF } from "./lines.ts";

/** `row`: the line on which the record begins, the first line being 1. */
export type CsvRow = { row: number; fields: readonly string[] } | { row: number; unreadable: string };

/** How much may be read again after records that cannot be read, unless given. */
const MAX_REREAD_BYTES = 128 * 1024 ** 2;
/** Records that cannot be read, and are read over, between two looks at the clock. */
const BETWEEN_TURNS = 8;
const NOTHING: Buffer = Buffer.alloc(0);

const EXPLAINED: Readonly<Record<CsvFault, (maxRecordBytes: number) => string>> = {
  TextAfterQuote: () =>
    "text follows a closing quotation mark: a quoted field is not closed, or a quotation mark within it is not doubled",
  QuoteWithinField: () => "a quotation mark stands within a field that is not quoted",
  QuoteNotClosed: () => "a quoted field is not closed before the file ends",
  RecordTooLong: (max) => `the entry is longer than ${byteSize(max)}: a quoted field may not be closed`,
};

/**
 * Frames CSV records in UTF-8 chunks. An unclosed quotation mark takes the records after it along, so reading starts
 * over at the next line that can begin one: one bad record costs no neighbour.
 */
export class CsvRecords {
  readonly #separator: string;
  readonly #maxRecordBytes: number;
  readonly #scanner: CsvScanner;
  /** Bytes that no record has been made of yet begin in it at `#at`. */
  #window = NOTHING;
  #at = 0;
  #row = 1;
  /** After a record that cannot be read: its first line is still to be dropped, or a next one to be found. */
  #skip: "line" | "seek" | undefined;
  readonly #maxRereadBytes: number;
  #rereadBytes = 0;
  #refusals = 0;
  readonly #turn = new Turn();

  constructor(options: { separator: string; maxRecordBytes: number; maxRereadBytes?: number }) {
    this.#maxRereadBytes = options.maxRereadBytes ?? MAX_REREAD_BYTES;
    this.#separator = options.separator;
    this.#maxRecordBytes = options.maxRecordBytes;
    this.#scanner = new CsvScanner(options.separator, options.maxRecordBytes);
  }

  /** @throws ManifestError ManifestTooLarge, NotAManifest */
  async push(chunk: Buffer): Promise<readonly CsvRow[]> {
    const rest = this.#window.subarray(this.#at);
    this.#window = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#at = 0;
    return this.#advance(false);
  }

  /** The rest, once all is pushed. */
  async end(): Promise<readonly CsvRow[]> {
    return this.#advance(true);
  }

  async #advance(last: boolean): Promise<readonly CsvRow[]> {
    const rows: CsvRow[] = [];
    for (;;) {
      if (this.#skip !== undefined && !this.#seek(last)) return rows;
      this.#dropEmptyLines(last);
      if (this.#at === this.#window.length) return rows;
      const framed = this.#scanner.scan(this.#window, this.#at, last);
      if (framed === "incomplete") return rows;
      if (framed === "record") {
        rows.push({ row: this.#row, fields: this.#scanner.fields });
        this.#row += this.#scanner.lines;
        this.#at = this.#scanner.end;
        continue;
      }
      rows.push(this.#refused(framed));
      this.#skip = "line";
      this.#countReread(this.#scanner.end - this.#at);
      this.#refusals += 1;
      if (this.#refusals % BETWEEN_TURNS === 0 && this.#turn.isOver()) await this.#turn.next();
    }
  }

  #dropEmptyLines(last: boolean): void {
    const first = this.#window[this.#at];
    if (first === LF || first === CR) this.#drop(emptyLines(this.#window.subarray(this.#at), last));
  }

  #drop(bytes: number): void {
    this.#row += countLines(this.#window.subarray(this.#at, this.#at + bytes));
    this.#at += bytes;
  }

  #refused(fault: CsvFault): CsvRow {
    if (fault === "RecordTooLong") {
      const line = firstLine(this.#window.subarray(this.#at), false);
      if (line < 0 || line > this.#maxRecordBytes) throw this.#tooLong();
    }
    return { row: this.#row, unreadable: EXPLAINED[fault](this.#maxRecordBytes) };
  }

  /** Drops lines until the window begins with one that can begin a record. */
  #seek(last: boolean): boolean {
    for (;;) {
      const window = this.#window.subarray(this.#at);
      const line = firstLine(window, last);
      if (line > this.#maxRecordBytes || (line < 0 && window.length > this.#maxRecordBytes)) {
        throw this.#tooLong();
      }
      if (line < 0) return false;
      if (this.#skip === "seek" && this.#canBeginRecord(window.subarray(0, line))) {
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
