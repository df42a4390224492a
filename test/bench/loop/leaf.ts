import { CURVES, isOnCurve } from "../../../operator/manifests/certificates/curves.ts";
import {
  BIT_STRING,
  BOOLEAN,
  DerReader,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE,
} from "../der.ts";

/** What the loop needs of a device's certificate. */
export interface LoopLeaf {
  readonly serial: string;
}

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
/** RFC 5280, 4.1.2.2. */
const MOST_SERIAL_BYTES = 20;
const LEAST_RSA_BYTES = 256;
const KEY_CERT_SIGN = 0x04;

const EC_PUBLIC_KEY = Buffer.from("2a8648ce3d0201", "hex");
const RSA_ENCRYPTION = Buffer.from("2a864886f70d010101", "hex");
const ED25519 = Buffer.from("2b6570", "hex");
const BASIC_CONSTRAINTS = Buffer.from("551d13", "hex");
const KEY_USAGE = Buffer.from("551d0f", "hex");
/**
 * Reads one certificate and checks what the operator checks of one: framing to the last byte, serial number,
 * key (a point must lie on its curve), validity at `now` (epoch ms), and that it signs no others. It takes fewer kinds
 * of keys (EC, RSA and Ed25519).
 * @returns what is wrong with it, in words
 */
export function readLoopLeaf(der: Buffer, now: number): LoopLeaf | string {
  const reader = new DerReader(der);
  if (!reader.expect(SEQUENCE, 0, der.length) || reader.end !== der.length) return "no certificate";
  const whole = reader.end;
  if (!reader.expect(SEQUENCE, reader.start, whole)) return "no certificate";
  const body = reader.end;
  if (!reader.expect(0xa0, reader.start, body)) return "of an early version, or none";
  if (!reader.expect(INTEGER, reader.end, body)) return "no serial number";
  const [serialStart, serialEnd] = [reader.start, reader.end];
  const sign = der[serialStart] === 0 ? 1 : 0;
  if (serialEnd === serialStart || serialEnd - serialStart - sign > MOST_SERIAL_BYTES)
    return "serial number too long";
  if (!reader.expect(SEQUENCE, reader.end, body)) return "no algorithm";
  if (!reader.expect(SEQUENCE, reader.end, body)) return "no issuer";
  if (!reader.expect(SEQUENCE, reader.end, body)) return "no validity";
  const validity = reader.end;
  if (!reader.read(reader.start, validity)) return "no validity";
  const notBefore = timeAt(reader);
  if (!reader.read(reader.end, validity)) return "no validity";
  const notAfter = timeAt(reader);
  if (!(now >= notBefore && now <= notAfter)) return "not valid now";
  if (!reader.expect(SEQUENCE, validity, body)) return "no subject";
  if (!reader.expect(SEQUENCE, reader.end, body)) return "no key";
  const keyEnd = reader.end;
  if (!isStrongKey(reader, reader.start, keyEnd)) return "a key that is too weak, or of another kind";
  for (let at = keyEnd; at < body; at = reader.end) {
    if (!reader.read(at, body)) return "no extensions";
    const end = reader.end;
    if (reader.tag === 0xa3 && signsOthers(reader)) return "it may sign others";
    reader.end = end;
  }
  if (!reader.expect(SEQUENCE, body, whole)) return "no algorithm of the signature";
  if (!reader.expect(BIT_STRING, reader.end, whole) || reader.end !== whole) return "no signature";
  return { serial: der.toString("latin1", serialStart, serialEnd) };
}

/** Epoch ms; NaN for what is no time of RFC 5280, 4.1.2.5. */
function timeAt({ bytes, tag, start, end }: DerReader): number {
  const wide = tag === GENERALIZED_TIME ? 2 : 0;
  if ((tag !== UTC_TIME && wide === 0) || end - start !== 13 + wide || bytes[end - 1] !== 0x5a)
    return Number.NaN;
  const pair = (at: number): number => {
    const [tens = 0, ones = 0] = [bytes[start + at], bytes[start + at + 1]];
    return tens < 0x30 || tens > 0x39 || ones < 0x30 || ones > 0x39
      ? Number.NaN
      : (tens - 0x30) * 10 + ones - 0x30;
  };
  const short = pair(wide);
  const year = wide > 0 ? pair(0) * 100 + short : short + (short < 50 ? 2000 : 1900);
  return Date.UTC(year, pair(wide + 2) - 1, pair(wide + 4), pair(wide + 6), pair(wide + 8), pair(wide + 10));
}

function isStrongKey(reader: DerReader, start: number, end: number): boolean {
  if (!reader.expect(SEQUENCE, start, end)) return false;
  const algorithm = reader.end;
  if (!reader.expect(OBJECT_IDENTIFIER, reader.start, algorithm)) return false;
  const { start: oidStart, end: oidEnd } = reader;
  const is = (oid: Buffer): boolean => isAt(reader.bytes, oidStart, oidEnd, oid);
  if (is(EC_PUBLIC_KEY)) {
    if (!reader.expect(OBJECT_IDENTIFIER, oidEnd, algorithm)) return false;
    const [curveStart, curveEnd] = [reader.start, reader.end];
    const curve = CURVES.find(({ oid }) => isAt(reader.bytes, curveStart, curveEnd, oid));
    if (!reader.expect(BIT_STRING, algorithm, end) || reader.bytes[reader.start + 1] !== 4) return false;
    const { buffer, byteOffset } = reader.bytes;
    const point = Buffer.from(buffer, byteOffset + reader.start + 2, reader.end - reader.start - 2);
    return curve !== undefined && isOnCurve(curve, point);
  }
  if (!reader.expect(BIT_STRING, algorithm, end)) return false;
  if (is(ED25519)) return reader.end - reader.start === 33;
  if (!is(RSA_ENCRYPTION)) return false;
  const bits = reader.end;
  if (!reader.expect(SEQUENCE, reader.start + 1, bits)) return false;
  return reader.expect(INTEGER, reader.start, reader.end) && reader.end - reader.start > LEAST_RSA_BYTES;
}

/** Whether one of the extensions of the element that was read last makes this an authority. */
function signsOthers(reader: DerReader): boolean {
  if (!reader.expect(SEQUENCE, reader.start, reader.end)) return true;
  const all = reader.end;
  for (let at = reader.start; at < all;) {
    if (!reader.expect(SEQUENCE, at, all)) return true;
    const end = reader.end;
    if (!reader.expect(OBJECT_IDENTIFIER, reader.start, end)) return true;
    const constraints = isAt(reader.bytes, reader.start, reader.end, BASIC_CONSTRAINTS);
    const usage = isAt(reader.bytes, reader.start, reader.end, KEY_USAGE);
    if (constraints || usage) {
      if (!reader.read(reader.end, end)) return true;
      if (is(reader, BOOLEAN) && !reader.read(reader.end, end)) return true;
      if (!is(reader, OCTET_STRING)) return true;
      const value = reader.end;
      if (!reader.read(reader.start, value)) return true;
      if (usage && ((reader.bytes[reader.start + 1] ?? 0) & KEY_CERT_SIGN) !== 0) return true;
      if (constraints && reader.end > reader.start) {
        if (!reader.read(reader.start, reader.end)) return true;
        if (is(reader, BOOLEAN) && reader.bytes[reader.start] !== 0) return true;
      }
    }
    at = end;
  }
  return false;
}

function is({ tag }: DerReader, wanted: number): boolean {
  return tag === wanted;
}

function isAt(bytes: Uint8Array, start: number, end: number, oid: Uint8Array): boolean {
  if (end - start !== oid.length) return false;
  for (let at = 0; at < oid.length; at += 1) if (bytes[start + at] !== oid[at]) return false;
  return true;
}
