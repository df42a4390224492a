import { DerReader, TAG } from "./der.ts";
import { plainKeyType } from "./plain-key.ts";
import { plainTime } from "./plain-time.ts";

/** What is read of a certificate in the usual form. */
export interface PlainLeaf {
  /** Hex in upper case. */
  serial: string;
  /** The issuer's name in DER, as latin1: to look it up by. */
  issuerKey: string;
  /** Epoch ms. */
  notBefore: number;
  notAfter: number;
  keyType: string;
}

/** RFC 5280, 4.1.2.2: 20 bytes, and one more where the first bit must not be a sign. */
const MOST_SERIAL_BYTES = 20;
const X509_V3 = 2;
/** Object identifiers in DER: RFC 5280, 4.2.1.9 and 4.2.1.3. */
const BASIC_CONSTRAINTS = Buffer.from("551d13", "hex");
const KEY_USAGE = Buffer.from("551d0f", "hex");
/** The bit keyCertSign in the first byte of a key usage. */
const KEY_CERT_SIGN = 0x04;
const PEM_MARK = Buffer.from("-----BEGIN ");

/**
 * Reads a device's certificate that is in the usual form: X.509 v3 in strict DER, a name of ASCII text, a key of a
 * usual kind, and nothing in it that makes it an authority's.
 * @returns undefined for every other one, good or bad: what it is worth is then to be asked elsewhere
 */
export function readPlainLeaf(der: Buffer): PlainLeaf | undefined {
  const reader = new DerReader(der);
  if (!reader.enter(TAG.sequence, 0, der.length) || reader.end !== der.length) return undefined;
  if (!reader.enter(TAG.sequence, reader.start, der.length)) return undefined;
  const bodyEnd = reader.end;
  const plain = readBody(reader, reader.start, bodyEnd);
  if (plain === undefined || !skipAlgorithm(reader, bodyEnd, der.length)) return undefined;
  if (!reader.enter(TAG.bitString, reader.end, der.length) || reader.end !== der.length) return undefined;
  if (reader.end - reader.start < 2 || der[reader.start] !== 0) return undefined;
  // node:crypto would look for a certificate in PEM first.
  return der.includes(PEM_MARK) ? undefined : plain;
}

/** TBSCertificate: RFC 5280, 4.1. */
function readBody(reader: DerReader, start: number, end: number): PlainLeaf | undefined {
  const { bytes } = reader;
  if (!reader.enter(TAG.version, start, end)) return undefined;
  const versionEnd = reader.end;
  if (!reader.enter(TAG.integer, reader.start, versionEnd) || reader.end !== versionEnd) return undefined;
  if (reader.end - reader.start !== 1 || bytes[reader.start] !== X509_V3) return undefined;

  if (!reader.enter(TAG.integer, versionEnd, end)) return undefined;
  if (!reader.isPositive(reader.start, reader.end)) return undefined;
  const serialStart = bytes[reader.start] === 0 ? reader.start + 1 : reader.start;
  const serialEnd = reader.end;
  if (serialEnd - serialStart > MOST_SERIAL_BYTES) return undefined;

  if (!skipAlgorithm(reader, serialEnd, end)) return undefined;
  const issuerStart = reader.end;
  if (!reader.enter(TAG.sequence, issuerStart, end)) return undefined;
  const issuerEnd = reader.end;

  if (!reader.enter(TAG.sequence, issuerEnd, end)) return undefined;
  const validityEnd = reader.end;
  const notBefore = readTime(reader, reader.start, validityEnd);
  if (notBefore === undefined) return undefined;
  const notAfter = readTime(reader, reader.end, validityEnd);
  if (notAfter === undefined || reader.end !== validityEnd) return undefined;

  if (!reader.enter(TAG.sequence, validityEnd, end)) return undefined;
  const subjectEnd = reader.end;
  if (!isPlainName(reader, reader.start, subjectEnd)) return undefined;
  if (!reader.enter(TAG.sequence, subjectEnd, end)) return undefined;
  const keyEnd = reader.end;
  const keyType = plainKeyType(reader, reader.start, keyEnd);
  if (keyType === undefined || !hasPlainExtensions(reader, keyEnd, end)) return undefined;

  const { buffer, byteOffset } = bytes;
  const text = Buffer.from(buffer, byteOffset, bytes.length);
  return {
    serial: text.toString("hex", serialStart, serialEnd).toUpperCase(),
    issuerKey: text.toString("latin1", issuerStart, issuerEnd),
    notBefore,
    notAfter,
    keyType,
  };
}

/** AlgorithmIdentifier, without parameters or with NULL. Afterwards `reader.end` is its end. */
function skipAlgorithm(reader: DerReader, at: number, limit: number): boolean {
  if (!reader.enter(TAG.sequence, at, limit)) return false;
  const { end } = reader;
  if (!reader.enter(TAG.oid, reader.start, end) || !reader.isOid(reader.start, reader.end)) return false;
  if (reader.end === end) return true;
  return reader.enter(TAG.null, reader.end, end) && reader.start === reader.end && reader.end === end;
}

/** Afterwards `reader.end` is its end. */
function readTime(reader: DerReader, at: number, limit: number): number | undefined {
  const utc = reader.enter(TAG.utcTime, at, limit);
  if (!utc && !reader.enter(TAG.generalizedTime, at, limit)) return undefined;
  if (reader.end - reader.start !== (utc ? 13 : 15)) return undefined;
  return plainTime(reader.bytes, reader.start, reader.end);
}

/** Whether each part of a Name is one attribute of printable ASCII. */
function isPlainName(reader: DerReader, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    if (!reader.enter(TAG.set, at, end)) return false;
    const setEnd = reader.end;
    if (!reader.enter(TAG.sequence, reader.start, setEnd) || reader.end !== setEnd) return false;
    if (!reader.enter(TAG.oid, reader.start, setEnd) || !reader.isOid(reader.start, reader.end)) return false;
    const value = reader.end;
    const text =
      reader.enter(TAG.printableString, value, setEnd) ||
      reader.enter(TAG.utf8String, value, setEnd) ||
      reader.enter(TAG.ia5String, value, setEnd);
    if (!text || reader.end !== setEnd || !isAscii(reader.bytes, reader.start, setEnd)) return false;
    at = setEnd;
  }
  return true;
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e) return false;
  }
  return true;
}

/** Extensions, at least one, and none of them that lets it sign certificates. */
function hasPlainExtensions(reader: DerReader, start: number, end: number): boolean {
  if (!reader.enter(TAG.extensions, start, end) || reader.end !== end) return false;
  if (!reader.enter(TAG.sequence, reader.start, end) || reader.end !== end) return false;
  let at = reader.start;
  if (at === end) return false;
  while (at < end) {
    if (!reader.enter(TAG.sequence, at, end)) return false;
    const next = reader.end;
    if (!reader.enter(TAG.oid, reader.start, next) || !reader.isOid(reader.start, reader.end)) return false;
    const oid = { start: reader.start, end: reader.end };
    let value = oid.end;
    if (reader.enter(TAG.boolean, value, next)) {
      // DEFAULT FALSE is not written.
      if (reader.end - reader.start !== 1 || reader.bytes[reader.start] !== 0xff) return false;
      value = reader.end;
    }
    if (!reader.enter(TAG.octetString, value, next) || reader.end !== next) return false;
    const inner = reader.start;
    if (reader.matches(BASIC_CONSTRAINTS, oid.start, oid.end) && !isNoAuthority(reader, inner, next))
      return false;
    if (reader.matches(KEY_USAGE, oid.start, oid.end) && !signsNoCertificates(reader, inner, next))
      return false;
    at = next;
  }
  return true;
}

/** BasicConstraints that say nothing, which means no. */
function isNoAuthority(reader: DerReader, start: number, end: number): boolean {
  return reader.enter(TAG.sequence, start, end) && reader.start === end;
}

function signsNoCertificates(reader: DerReader, start: number, end: number): boolean {
  if (!reader.enter(TAG.bitString, start, end) || reader.end !== end || reader.end - reader.start < 2) {
    return false;
  }
  return ((reader.bytes[reader.start + 1] ?? 0) & KEY_CERT_SIGN) === 0;
}
