import "reflect-metadata";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
} from "@peculiar/x509";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIssuer } from "../../../tools/factory/index.ts";
import { CURVES, isOnCurve } from "./curves.ts";
import { type Leaf, LeafReader } from "./leaf.ts";
import { readByLibrary } from "./library.ts";
import { readPlainLeaf } from "./plain.ts";

const NOW = new Date("2026-06-01T00:00:00Z");
/** A longer search: `CERTFERRY_FUZZ_RUNS=1000000`. */
const RUNS = Number(process.env["CERTFERRY_FUZZ_RUNS"] ?? 1_500);

const issuers = [await createIssuer(), await createIssuer({ name: "CN=Gerätewerk, C=DE" })];
const kinds = [
  generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
  generateKeyPairSync("ec", { namedCurve: "secp384r1" }),
  generateKeyPairSync("ec", { namedCurve: "secp521r1" }),
  generateKeyPairSync("rsa", { modulusLength: 2048 }),
  generateKeyPairSync("ed25519"),
  generateKeyPairSync("ec", { namedCurve: "secp256k1" }),
  generateKeyPairSync("ec", { namedCurve: "secp224r1" }),
  generateKeyPairSync("rsa", { modulusLength: 1024 }),
  generateKeyPairSync("ed448"),
  generateKeyPairSync("x25519"),
].map(({ publicKey }) => createPublicKey(publicKey.export({ format: "pem", type: "spki" })));
/** Keys of the first so many are read without node:crypto. */
const USUAL_KINDS = 5;

const extensionSets: readonly Extension[][] = [
  [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  ],
  [new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyAgreement)],
  [
    new BasicConstraintsExtension(false),
    new ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.2"]),
    new SubjectAlternativeNameExtension([{ type: "dns", value: "device.example.com" }]),
    new AuthorityKeyIdentifierExtension("00112233445566778899"),
  ],
  [new BasicConstraintsExtension(true, 0, true)],
  [new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true)],
  [],
];
/** None of the first so many lets its bearer sign certificates. */
const USUAL_EXTENSIONS = 3;

async function issue(
  publicKey: KeyObject,
  extensions: Extension[],
  more: { issuer?: number; subject?: string; serial?: string; from?: string; to?: string } = {},
): Promise<Buffer> {
  const { issuer = 0, subject = "CN=0A091B5C001500B60068, O=Demo", serial, from, to } = more;
  const issued = await issuers[issuer]?.sign({
    subject,
    publicKey,
    ...(serial === undefined ? {} : { serial }),
    notBefore: new Date(from ?? "2026-01-01T00:00:00Z"),
    notAfter: new Date(to ?? "2046-01-01T00:00:00Z"),
    extensions,
  });
  return Buffer.from(issued?.der ?? []);
}

const usual: Buffer[] = [];
const unusual: Buffer[] = [];
for (const [kind, key] of kinds.entries()) {
  for (const [set, extensions] of extensionSets.entries()) {
    const good = kind < USUAL_KINDS && set < USUAL_EXTENSIONS;
    (good ? usual : unusual).push(await issue(key, extensions, { issuer: (kind + set) % 2 }));
  }
}
const [first = createPublicKey("")] = kinds;
const [plainExtensions = []] = extensionSets;
for (const more of [
  { serial: "01" },
  { serial: "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" },
  { serial: "FF000000000000000000000000000000000000FF" },
  { serial: "80" },
  { to: "2050-01-01T00:00:00Z", subject: "CN=x, OU=a, OU=b, C=DE" },
  { to: "9999-12-31T23:59:59Z" },
  { from: "1950-01-01T00:00:00Z" },
  { to: "2026-02-01T00:00:00Z" },
  { from: "2027-02-01T00:00:00Z" },
]) {
  usual.push(await issue(first, plainExtensions, more));
}
for (const more of [{ subject: "CN=Gerät" }, { serial: "11".repeat(21) }]) {
  unusual.push(await issue(first, plainExtensions, more));
}

/** What node:crypto and the time say of a certificate, as LeafReader would put it. */
function expected(der: Buffer): string {
  const facts = readByLibrary(der);
  if ("reason" in facts) return `${facts.reason}: ${facts.message}`;
  if (NOW > facts.notAfter) return "CertificateExpired";
  if (NOW < facts.notBefore) return "CertificateNotYetValid";
  return [facts.serial, facts.issuer, facts.notAfter.toISOString(), facts.keyType].join(" ");
}

function found(read: ReturnType<LeafReader["read"]>): string {
  if ("leaf" in read) {
    const { serial, issuer, notAfter, keyType }: Leaf = read.leaf;
    return [serial, issuer, notAfter.toISOString(), keyType].join(" ");
  }
  const { reason, message } = read.refusal;
  return reason.startsWith("CertificateUn") || !reason.startsWith("Certificate")
    ? `${reason}: ${message}`
    : reason;
}

/** A reader that has met every issuer already, so that what is usual is not asked of node:crypto. */
function seasoned(): LeafReader {
  const reader = new LeafReader(NOW);
  for (const der of usual) reader.read(der);
  return reader;
}

/** Where elements of DER begin in a certificate, as far as their tags and lengths make sense. */
function elementsOf(der: Buffer, from = 0, to = der.length, depth = 0): { at: number; end: number }[] {
  const places: { at: number; end: number }[] = [];
  if (depth > 12) return places;
  let at = from;
  while (at + 2 <= to) {
    const first = der[at + 1] ?? 0;
    const count = first < 0x80 ? 0 : first & 0x7f;
    if (count > 3 || at + 2 + count > to) break;
    const length = count === 0 ? first : der.readUIntBE(at + 2, count);
    const start = at + 2 + count;
    const end = start + length;
    if (end > to) break;
    places.push({ at, end });
    const wrapped = der[at] === 0x04 || (der[at] === 0x03 && der[start] === 0);
    if (((der[at] ?? 0) & 0x20) !== 0) places.push(...elementsOf(der, start, end, depth + 1));
    else if (wrapped) places.push(...elementsOf(der, der[at] === 0x03 ? start + 1 : start, end, depth + 1));
    at = end;
  }
  return places;
}

type Mutation = (der: Buffer) => Buffer;
const TAGS = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1e, 0x30, 0x31, 0xa0, 0xa3, 0x81,
];
const one = fc.nat(0xffff_ffff);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  // A byte anywhere.
  fc.tuple(one, fc.nat(255)).map(([at, byte]): Mutation => (der) => {
    const changed = Buffer.from(der);
    changed[at % der.length] = byte;
    return changed;
  }),
  // A bit of the first bytes of an element: its tag, its length, what its content begins with.
  fc.tuple(one, fc.nat(5), fc.nat(7)).map(([pick, offset, bit]): Mutation => (der) => {
    const places = elementsOf(der);
    const at = (places[pick % places.length]?.at ?? 0) + offset;
    const changed = Buffer.from(der);
    changed[at % der.length] = (changed[at % der.length] ?? 0) ^ (1 << bit);
    return changed;
  }),
  // Another tag.
  fc.tuple(one, fc.constantFrom(...TAGS)).map(([pick, tag]): Mutation => (der) => {
    const places = elementsOf(der);
    const changed = Buffer.from(der);
    changed[places[pick % places.length]?.at ?? 0] = tag;
    return changed;
  }),
  // An element taken out, doubled, or put in another's place; all lengths around it are made to fit.
  fc
    .tuple(one, one, fc.constantFrom("drop", "double", "replace"))
    .map(([pick, other, how]): Mutation => (der) => {
      const places = elementsOf(der);
      const place = places[pick % places.length];
      const source = places[other % places.length];
      if (place === undefined || source === undefined) return der;
      const own = der.subarray(place.at, place.end);
      const foreign = der.subarray(source.at, source.end);
      const content = how === "drop" ? [] : how === "double" ? [own, own] : [foreign];
      return spliced(der, place, Buffer.concat(content));
    }),
  // Bytes put in or taken out of an element's content, with fitting lengths.
  fc
    .tuple(one, fc.nat(40), fc.uint8Array({ maxLength: 4 }))
    .map(([pick, offset, bytes]): Mutation => (der) => {
      const leaves = elementsOf(der).filter(
        ({ at, end }) => ((der[at] ?? 0) & 0x20) === 0 && end - at < 0x80,
      );
      const place = leaves[pick % leaves.length];
      if (place === undefined) return der;
      const at = Math.min(place.end, place.at + 2 + offset);
      const content = [
        der.subarray(place.at + 2, at),
        bytes,
        der.subarray(Math.min(place.end, at + 1), place.end),
      ];
      const body = Buffer.concat(content);
      return spliced(
        der,
        place,
        Buffer.concat([Buffer.from([der[place.at] ?? 0]), lengthOf(body.length), body]),
      );
    }),
  // A length in a form that BER allows and DER does not.
  fc.tuple(one, fc.boolean()).map(([pick, indefinite]): Mutation => (der) => {
    const places = elementsOf(der);
    const place = places[pick % places.length];
    if (place === undefined) return der;
    const header = der[place.at + 1] ?? 0;
    const start = place.at + 2 + (header < 0x80 ? 0 : header & 0x7f);
    const body = der.subarray(start, place.end);
    const tag = Buffer.from([der[place.at] ?? 0]);
    const long = Buffer.from([0x83, body.length >>> 16, (body.length >>> 8) & 0xff, body.length & 0xff]);
    const whole = indefinite
      ? Buffer.concat([tag, Buffer.from([0x80]), body, Buffer.alloc(2)])
      : Buffer.concat([tag, long, body]);
    return spliced(der, place, whole);
  }),
);

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >>> 8, length & 0xff]);
}

/** The certificate with another element at a place, the lengths of all elements around it made to fit. */
function spliced(der: Buffer, place: { at: number; end: number }, element: Buffer): Buffer {
  const around = elementsOf(der)
    .filter(({ at, end }) => at < place.at && end >= place.end)
    .toSorted((a, b) => b.at - a.at);
  let bytes = Buffer.concat([element]);
  let [from, to] = [place.at, place.end];
  for (const { at, end } of around) {
    const header = der[at + 1] ?? 0;
    const start = at + 2 + (header < 0x80 ? 0 : header & 0x7f);
    const body = Buffer.concat([der.subarray(start, from), bytes, der.subarray(to, end)]);
    bytes = Buffer.concat([der.subarray(at, at + 1), lengthOf(body.length), body]);
    [from, to] = [at, end];
  }
  return Buffer.concat([der.subarray(0, from), bytes, der.subarray(to)]);
}

describe("reading a device's certificate", () => {
  it("says what node:crypto says, of each usual certificate, and does not ask it", () => {
    const reader = seasoned();
    for (const der of usual) {
      expect(readPlainLeaf(der)).toBeDefined();
      expect(found(reader.read(der))).toBe(expected(der));
    }
  });

  it("leaves each unusual certificate to node:crypto", () => {
    const reader = seasoned();
    for (const der of unusual) {
      expect(readPlainLeaf(der)).toBeUndefined();
      expect(found(reader.read(der))).toBe(expected(der));
    }
  });

  it("says what node:crypto says, however the certificate was changed", { timeout: 3_600_000 }, () => {
    const reader = seasoned();
    let plain = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...usual, ...unusual),
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        (der, mutations) => {
          const changed = mutations.reduce(
            (bytes, mutate) => (bytes.length > 4 ? mutate(bytes) : bytes),
            der,
          );
          if (readPlainLeaf(changed) !== undefined) plain += 1;
          expect(found(reader.read(changed))).toBe(expected(changed));
        },
      ),
      { numRuns: RUNS },
    );
    // Many changes are harmless (a signature, a key's bytes that are no point's): these were really compared.
    expect(plain).toBeGreaterThan(RUNS / 20);
  });

  it("is not led beyond the bytes that it was given", () => {
    for (const der of usual) {
      const [longer] = [Buffer.concat([der, der])];
      for (let length = 0; length < der.length; length += 1) {
        expect(readPlainLeaf(longer.subarray(0, length))).toBeUndefined();
      }
    }
  });

  it("finds a point that is not on its curve, in any bit", () => {
    for (const [index, curve] of CURVES.entries()) {
      const { x = "", y = "" } = kinds[index]?.export({ format: "jwk" }) ?? {};
      const point = Buffer.concat([Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
      expect(isOnCurve(curve, point)).toBe(true);
      for (let bit = 0; bit < point.length * 8; bit += 7) {
        const other = Buffer.from(point);
        other[bit >>> 3] = (other[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        expect(isOnCurve(curve, other)).toBe(false);
      }
      expect(isOnCurve(curve, Buffer.alloc(point.length))).toBe(false);
    }
  });
});
