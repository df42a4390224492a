import { AnyOf } from "./any-of.ts";
import { ManifestError } from "./errors.ts";

const MARKER = "PRIVATE KEY-----";

const TEXTS = [MARKER, "PuTTY-User-Key-File-"];

/**
 * How private keys look in files: as text, and within base64 of a PEM file, where the marker starts at one of three
 * places in a group; the characters that depend on its neighbours are left out.
 */
const NARROW: readonly Buffer[] = [
  ...TEXTS.map((text) => Buffer.from(text)),
  ...[0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), Buffer.from(MARKER)]);
    const stable = Math.floor((text.length * 8) / 6);
    return Buffer.from(text.toString("base64").slice(Math.ceil((before * 8) / 6), stable));
  }),
];

/** The texts in UTF-16, of either order: every second byte is zero. */
const WIDE: readonly Buffer[] = TEXTS.flatMap((text) => {
  const wide = Buffer.from(text, "utf16le");
  return [wide, Buffer.from(wide).swap16()];
});

const LONGEST = Math.max(...[...NARROW, ...WIDE].map((needle) => needle.length));

/** Looks for private keys in bytes that pass by, across the seams of their chunks. */
export class PrivateKeyScan {
  #tail: Buffer = Buffer.alloc(0);

  /** @throws ManifestError ContainsPrivateKey */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const seam = Buffer.concat([this.#tail, bytes.subarray(0, LONGEST)]);
    if (hasNeedle(bytes) || hasNeedle(seam)) throw containsPrivateKey();
    const recent = bytes.length >= LONGEST ? bytes : Buffer.concat([this.#tail, bytes]);
    this.#tail = Buffer.from(recent.subarray(Math.max(0, recent.length - LONGEST + 1)));
  }
}

const ANY_NARROW = new AnyOf(NARROW);
const ANY_WIDE = new AnyOf(WIDE);

function hasNeedle(bytes: Buffer): boolean {
  return ANY_NARROW.isIn(bytes) || (bytes.includes(0) && ANY_WIDE.isIn(bytes));
}

/** PKCS#5 and PKCS#12 password-based encryption: 1.2.840.113549.1.5 and 1.2.840.113549.1.12.1. */
const ENCRYPTION = [Buffer.from("2a864886f70d0105", "hex"), Buffer.from("2a864886f70d010c01", "hex")];

/**
 * A private key in DER: PKCS#8, encrypted or not, SEC1 or PKCS#1, or a PKCS#12 store. All but the encrypted
 * one begin with a SEQUENCE whose first element is a version number (RFC 5958, 5915, 8017, 7292), where a
 * certificate has another SEQUENCE.
 */
export function isPrivateKeyDer(der: Uint8Array): boolean {
  const first = contentAt(der, 0);
  if (first === undefined) return false;
  const [tag = 0, , version = 0xff, next = 0] = der.subarray(first, first + 4);
  if (tag === 0x02 && der[first + 1] === 0x01) {
    const key = version <= 1 && (next === 0x30 || next === 0x04 || next === 0x02);
    return key || (version === 3 && next === 0x30);
  }
  const algorithm = contentAt(der, first);
  if (algorithm === undefined || der[algorithm] !== 0x06) return false;
  const oid = Buffer.from(der.subarray(algorithm + 2, algorithm + 11));
  return ENCRYPTION.some((known) => oid.subarray(0, known.length).equals(known));
}

/** Where the content of the SEQUENCE at `at` begins. */
function contentAt(der: Uint8Array, at: number): number | undefined {
  const length = der[at + 1];
  if (der[at] !== 0x30 || length === undefined) return undefined;
  return length < 0x80 ? at + 2 : at + 2 + (length & 0x7f);
}

/** A secret member of a JSON Web Key (RFC 7517), in JSON that may be escaped. */
const JWK_TYPE = /\\?"kty\\?"\s*:/;
const JWK_SECRET = /\\?"d\\?"\s*:/;
/** So much of a text tells whether it begins with a key. */
const ENCODED_HEAD_CHARACTERS = 512;
/** The shortest key, Ed25519 in PKCS#8, has 48 bytes. */
const LEAST_KEY_BYTES = 48;

/** How "-----BEGIN " begins in base64. */
const PEM_IN_BASE64 = "LS0tLS1CRUdJTi";
const BETWEEN = /(?<!\\)\\+[rn]|[\s:]+/g;

/** Whether a text is a private key: DER in base64, base64url or hex, PEM in base64, or a JSON Web Key. */
export function isEncodedPrivateKey(text: string): boolean {
  if (text.length < LEAST_KEY_BYTES) return false;
  const start = text.trimStart().slice(0, ENCODED_HEAD_CHARACTERS);
  if (start.startsWith("{") || start.startsWith("[")) return JWK_TYPE.test(text) && JWK_SECRET.test(text);
  if (start.startsWith("-----")) return false;
  // 0x30, the tag of a SEQUENCE, is "M" in base64.
  const compact = start.replaceAll(BETWEEN, "").replace(/^0x/i, "");
  if (compact.startsWith(PEM_IN_BASE64)) {
    return Buffer.from(text.replaceAll(BETWEEN, ""), "base64").includes("PRIVATE KEY");
  }
  if (/^M[A-Za-z0-9+/_-]+=*$/.test(compact)) return beginsWithKey(Buffer.from(compact, "base64url"));
  return /^30[0-9a-f]+$/i.test(compact) && beginsWithKey(Buffer.from(compact, "hex"));
}

function beginsWithKey(der: Buffer): boolean {
  return der.length >= LEAST_KEY_BYTES && isPrivateKeyDer(der);
}

export function containsPrivateKey(where = "the manifest"): ManifestError {
  return new ManifestError(
    "ContainsPrivateKey",
    `${where} holds a private key. Private keys never belong into a manifest: nothing of it was kept. Remove the file from its source, consider the key disclosed, and ask the vendor for a manifest of certificates only`,
  );
}
