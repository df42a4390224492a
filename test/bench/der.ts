/** Reads elements of DER in place; every length is held against the bounds that are given. */
export class DerReader {
  readonly bytes: Uint8Array;
  /** Of the element that was read last: its tag, and where its content begins and ends. */
  tag: number = 0;
  start = 0;
  end = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Reads the element at `at`. @returns false unless all of it lies before `limit`, in DER's shortest form */
  read(at: number, limit: number): boolean {
    const { bytes } = this;
    if (at + 2 > limit || limit > bytes.length) return false;
    this.tag = bytes[at] ?? 0;
    if ((this.tag & 0x1f) === 0x1f) return false;
    let length = bytes[at + 1] ?? 0;
    let start = at + 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 3 || start + count > limit) return false;
      length = 0;
      for (let digit = 0; digit < count; digit += 1) length = length * 256 + (bytes[start + digit] ?? 0);
      if (length < 0x80 || length < 256 ** (count - 1)) return false;
      start += count;
    }
    if (start + length > limit) return false;
    this.start = start;
    this.end = start + length;
    return true;
  }

  /** Reads the element at `at`, which has to have this tag. */
  expect(tag: number, at: number, limit: number): boolean {
    return this.read(at, limit) && this.tag === tag;
  }
}

export const SEQUENCE = 0x30;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;
export const BOOLEAN = 0x01;
