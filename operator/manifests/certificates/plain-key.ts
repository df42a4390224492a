import { CURVES, isOnCurve } from "./curves.ts";
import { type DerReader, TAG } from "./der.ts";

const EC_PUBLIC_KEY = Buffer.from("2a8648ce3d0201", "hex");
const RSA_ENCRYPTION = Buffer.from("2a864886f70d010101", "hex");
const ED25519 = Buffer.from("2b6570", "hex");
const UNCOMPRESSED_POINT = 0x04;
const ED25519_BYTES = 32;
/** OpenSSL computes with no larger ones; the smallest that product clouds take are leaf.ts's affair. */
const RSA_BITS = { least: 2048, most: 16_384 };

/**
 * What kind of key a SubjectPublicKeyInfo holds whose content is from `start` to `end`: `P-256`, `RSA-2048` and
 * so on; undefined for everything but usual keys in their usual form. A point must lie on its curve.
 */
export function plainKeyType(der: DerReader, start: number, end: number): string | undefined {
  if (!der.enter(TAG.sequence, start, end)) return undefined;
  const algorithmEnd = der.end;
  if (!der.enter(TAG.oid, der.start, algorithmEnd)) return undefined;
  const oid = { start: der.start, end: der.end };
  if (!der.enter(TAG.bitString, algorithmEnd, end) || der.end !== end) return undefined;
  if (der.start === end || der.bytes[der.start] !== 0) return undefined;
  const key = der.start + 1;
  if (der.matches(EC_PUBLIC_KEY, oid.start, oid.end)) return ecKey(der, oid.end, algorithmEnd, key, end);
  if (der.matches(RSA_ENCRYPTION, oid.start, oid.end)) {
    const parameters = der.enter(TAG.null, oid.end, algorithmEnd) && der.start === der.end;
    return parameters && der.end === algorithmEnd ? rsaKey(der, key, end) : undefined;
  }
  const ed25519 = der.matches(ED25519, oid.start, oid.end) && oid.end === algorithmEnd;
  return ed25519 && end - key === ED25519_BYTES ? "Ed25519" : undefined;
}

function ecKey(
  der: DerReader,
  parameters: number,
  parametersEnd: number,
  key: number,
  end: number,
): string | undefined {
  if (!der.enter(TAG.oid, parameters, parametersEnd) || der.end !== parametersEnd) return undefined;
  const { start } = der;
  for (const curve of CURVES) {
    if (!der.matches(curve.oid, start, parametersEnd)) continue;
    if (der.bytes[key] !== UNCOMPRESSED_POINT) return undefined;
    const { buffer, byteOffset } = der.bytes;
    const coordinates = Buffer.from(buffer, byteOffset + key + 1, end - key - 1);
    return isOnCurve(curve, coordinates) ? curve.name : undefined;
  }
  return undefined;
}

/** RSAPublicKey: RFC 8017, A.1.1. */
function rsaKey(der: DerReader, key: number, end: number): string | undefined {
  if (!der.enter(TAG.sequence, key, end) || der.end !== end) return undefined;
  if (!der.enter(TAG.integer, der.start, end) || !der.isPositive(der.start, der.end)) return undefined;
  const modulus = der.bytes[der.start] === 0 ? der.start + 1 : der.start;
  const modulusEnd = der.end;
  if (!der.enter(TAG.integer, modulusEnd, end) || !der.isPositive(der.start, der.end)) return undefined;
  if (der.end !== end) return undefined;
  const bits = (modulusEnd - modulus) * 8 - Math.clz32(der.bytes[modulus] ?? 0) + 24;
  return bits >= RSA_BITS.least && bits <= RSA_BITS.most ? `RSA-${bits}` : undefined;
}
