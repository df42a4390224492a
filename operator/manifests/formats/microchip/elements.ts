import { ManifestError } from "../../errors.ts";
import { byteSize } from "../../printable.ts";

/** One element of the array as parsed JSON, or why it is none. `row`: its number, the first being 1. */
export type Element = { row: number; value: object } | { row: number; unreadable: string };

/** How much may be read again after elements that cannot be read, unless given. */
const MAX_REREAD_BYTES = 128 * 1024 ** 2;
const NOTHING: Buffer = Buffer.alloc(0);

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
/** How a flattened JWS begins, whatever the order of its members (RFC 7515, 7.2.2). */
const JWS_START = /\{\s*"(?:payload|protected|header|signature)"\s*:/g;

const LONGEST_START = 256;

/**
 * Takes apart a JSON array of objects in UTF-8 chunks, one object at a time, so that nothing grows with the
 * number of them. An object that is damaged is told as such; where its end cannot be told, because a quotation
 * mark or a bracket is missing, reading goes on at the next text that begins a JWS: one bad object costs no
 * neighbour. Libraries that stream JSON stop at the first error, and none bounds the size of one element.
 */
export class ArrayElements {
  readonly #maxBytes: number;
  readonly #maxRereadBytes: number;
  /** Begins with the object that is under way, or with what was not looked at yet. */
  #window = NOTHING;
  /** How much of the window was looked at, in an object that is under way. */
  #seen = 0;
  /** Open brackets of the object under way; 0 between objects. */
  #depth = 0;
  #inString = false;
  #opened = false;
  #closed = false;
  /** What is between objects and does not belong there is told once. */
  #inJunk = false;
  /** An object that is too long is being passed over. */
  #passing = false;
  #count = 0;
  #rereadBytes = 0;

  constructor(options: { maxRecordBytes: number; maxRereadBytes?: number }) {
    this.#maxBytes = options.maxRecordBytes;
    this.#maxRereadBytes = options.maxRereadBytes ?? MAX_REREAD_BYTES;
  }

  /** @throws ManifestError NotAManifest */
  push(chunk: Buffer): Element[] {
    this.#window = this.#window.length === 0 ? chunk : Buffer.concat([this.#window, chunk]);
    const found: Element[] = [];
    this.#advance(found);
    return found;
  }

  /**
   * The rest, once all is pushed.
   * @throws ManifestError ManifestEmpty, NotAManifest where the file is truncated
   */
  end(): Element[] {
    const found: Element[] = [];
    const endsArray = (): boolean => this.#window.toString("latin1").trimEnd().endsWith("]");
    if (this.#passing) this.#closed = endsArray();
    while (this.#depth > 0) {
      const closesArray = endsArray();
      if (this.#goOnAtNext(this.#window, found, "it is not closed")) {
        this.#advance(found);
        continue;
      }
      if (!closesArray) throw truncated(this.#count);
      this.#refuse(found, "it is not closed");
      this.#depth = 0;
      this.#closed = true;
    }
    if (!this.#opened && this.#count === 0) throw new ManifestError("ManifestEmpty", "the file is empty");
    if (!this.#closed) throw truncated(this.#count);
    return found;
  }

  #advance(found: Element[]): void {
    for (;;) {
      if (this.#passing && !this.#findNext()) return;
      if (this.#depth === 0 && !this.#findObject(found)) return;
      const end = this.#findEnd();
      const length = end < 0 ? this.#window.length : end;
      if (length > this.#maxBytes) {
        if (
          this.#goOnAtNext(
            this.#window.subarray(0, length),
            found,
            `it is longer than ${byteSize(this.#maxBytes)}`,
          )
        )
          continue;
        this.#refuse(found, `it is longer than ${byteSize(this.#maxBytes)}`);
        this.#passing = true;
        this.#drop(Math.max(1, this.#window.length - LONGEST_START));
        continue;
      }
      if (end < 0) return;
      const bytes = this.#window.subarray(0, end);
      const value = parse(bytes);
      if (value === undefined) {
        if (this.#goOnAtNext(bytes, found, "it is no JSON")) continue;
        this.#refuse(found, "it is no JSON");
      } else {
        this.#count += 1;
        found.push({ row: this.#count, value });
      }
      this.#drop(end);
    }
  }

  /** Passes over the rest of an object that is too long. @returns whether the next one begins */
  #findNext(): boolean {
    JWS_START.lastIndex = 0;
    const next = JWS_START.exec(this.#window.toString("latin1"));
    this.#drop(next?.index ?? Math.max(0, this.#window.length - LONGEST_START));
    this.#passing = next === null;
    return next !== null;
  }

  /** Passes over what is between objects. @returns whether one begins */
  #findObject(found: Element[]): boolean {
    const window = this.#window;
    for (let at = 0; at < window.length; at += 1) {
      const byte = window[at] ?? 0;
      if (byte === OPEN_OBJECT) {
        this.#inJunk = false;
        this.#closed = false;
        this.#drop(at);
        return true;
      }
      if (byte === CLOSE_ARRAY) this.#closed = true;
      else if (byte === OPEN_ARRAY && !this.#opened) this.#opened = true;
      else if (byte > 0x20 && byte !== COMMA && !this.#inJunk) {
        this.#inJunk = true;
        const where = this.#closed ? "behind the end of the array" : "between two entries";
        this.#refuse(found, `the text ${where} is no entry`);
      }
    }
    this.#drop(window.length);
    return false;
  }

  /** Looks for the end of the object that the window begins with; -1 where it is not there yet. */
  #findEnd(): number {
    const window = this.#window;
    let at = this.#seen;
    while (at < window.length) {
      if (this.#inString) {
        at = this.#endOfString(at);
        if (at < 0) return -1;
        this.#inString = false;
        continue;
      }
      const byte = window[at] ?? 0;
      at += 1;
      if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth += 1;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        this.#depth -= 1;
        // The array's own bracket ends an object that is not closed.
        if (this.#depth === 0) return byte === CLOSE_ARRAY ? at - 1 : at;
      }
    }
    this.#seen = at;
    return -1;
  }

  /** Behind the quotation mark that ends the string; -1 where that is not there yet. */
  #endOfString(from: number): number {
    const window = this.#window;
    let at = from;
    for (;;) {
      const quote = window.indexOf(QUOTE, at);
      const searched = quote < 0 ? window.length : quote;
      const escape = window.subarray(at, searched).indexOf(BACKSLASH);
      if (escape < 0) {
        if (quote >= 0) return quote + 1;
        this.#seen = window.length;
        return -1;
      }
      // The escaped character may come with the next chunk.
      if (at + escape + 2 > window.length) {
        this.#seen = at + escape;
        return -1;
      }
      at += escape + 2;
    }
  }

  /**
   * Refuses the object under way, and goes on at the next JWS that begins within it.
   * @param object what was taken for it
   * @returns whether there is one
   */
  #goOnAtNext(object: Buffer, found: Element[], why: string): boolean {
    JWS_START.lastIndex = 1;
    const next = JWS_START.exec(object.toString("latin1"));
    if (next === null) return false;
    this.#refuse(found, why);
    this.#rereadBytes += object.length - next.index;
    if (this.#rereadBytes > this.#maxRereadBytes) {
      throw new ManifestError(
        "NotAManifest",
        `too many entries up to the ${this.#count}th cannot be read: the file is damaged`,
      );
    }
    this.#drop(next.index);
    return true;
  }

  #refuse(found: Element[], why: string): void {
    this.#count += 1;
    found.push({ row: this.#count, unreadable: `the entry cannot be read: ${why}` });
  }

  #drop(bytes: number): void {
    this.#window = this.#window.subarray(bytes);
    this.#seen = 0;
    this.#depth = 0;
    this.#inString = false;
  }
}

function parse(bytes: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function truncated(count: number): ManifestError {
  return new ManifestError(
    "NotAManifest",
    `the JSON array is not closed after ${count} entries: the file is truncated. Fetch or upload it anew`,
  );
}
