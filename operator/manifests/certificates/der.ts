/**
 * Steps through DER (ITU-T X.690) element by element, within bounds that are checked at each step. Only what DER
 * allows is read: definite lengths in their shortest form, and tags of one byte.
 */
export class DerReader {
  readonly bytes: Uint8Array;
  /** Where the content of the element that was entered last begins. */
  start = 0;
  /** Where it ends, and the next element begins. */
  end = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /**
   * Reads the header of the element at `at`, which must have this tag and end at `limit` at the latest.
   * @returns false where there is no such element; `start` and `end` are then of no use
   */
  enter(tag: number, at: number, limit: number): boolean {
    const { bytes } = this;
    if (at + 2 > limit || bytes[at] !== tag) return false;
    let start = at + 2;
    let length = bytes[at + 1] ?? 0;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 3 || start + count > limit) return false;
      length = 0;
      for (let index = 0; index < count; index += 1) length = length * 256 + (bytes[start + index] ?? 0);
      // The shortest form: none that would fit into fewer bytes.
      if (length < (count === 1 ? 0x80 : 256 ** (count - 1))) return false;
      start += count;
    }
    if (start + length > limit) return false;
    this.start = start;
    this.end = start + length;
    return true;
  }

  /** Whether the bytes from `at` on are these. */
  matches(expected: Uint8Array, at: number, end: number): boolean {
    if (end - at !== expected.length) return false;
    for (let index = 0; index < expected.length; index += 1) {
      if (this.bytes[at + index] !== expected[index]) return false;
    }
    return true;
  }

  /** Whether the content from `start` to `end` is an object identifier as DER writes it. */
  isOid(start: number, end: number): boolean {
    if (end <= start || (this.bytes[end - 1] ?? 0) >= 0x80) return false;
    let first = true;
    for (let at = start; at < end; at += 1) {
      const byte = this.bytes[at] ?? 0;
      // A number does not begin with zeros.
      if (first && byte === 0x80) return false;
      first = byte < 0x80;
    }
    return true;
  }

  /** Whether the content from `start` to `end` is an INTEGER above zero, in its shortest form. */
  isPositive(start: number, end: number): boolean {
    const first = this.bytes[start] ?? 0xff;
    if (end <= start || first >= 0x80) return false;
    if (first !== 0) return true;
    return end - start > 1 && (this.bytes[start + 1] ?? 0) >= 0x80;
  }
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
} as const;
