import { createPublicKey } from "node:crypto";
import {
  calculateJwkThumbprint,
  type CryptoKey,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importPKCS8,
} from "jose";

/** The algorithm of all tokens: ECDSA over P-256 with SHA-256. */
export const TOKEN_ALGORITHM = "ES256";

/** An account's key pair. */
export interface SigningKey {
  /** SHA-256 thumbprint of the public key (RFC 7638): the same key has the same id wherever it is read. */
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: PublicJwk;
}

/** The public half as it is published. */
export interface PublicJwk {
  kty: "EC";
  crv: "P-256";
  x: string;
  y: string;
  kid: string;
  alg: "ES256";
  use: "sig";
}

/** A text that should be a private key and is not; the message does not quote it. */
export class SigningKeyUnreadable extends Error {
  override readonly name = "SigningKeyUnreadable";
}

export async function generateSigningKey(): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(TOKEN_ALGORITHM, { extractable: true });
  return fromPrivate(privateKey);
}

/**
 * @param pem PKCS#8, a P-256 key
 * @throws SigningKeyUnreadable
 */
export async function importSigningKey(pem: string): Promise<SigningKey> {
  let privateKey: CryptoKey;
  try {
    privateKey = await importPKCS8(pem, TOKEN_ALGORITHM, { extractable: true });
  } catch {
    throw new SigningKeyUnreadable(
      "The signing key cannot be read: it must be a P-256 private key in PKCS#8 PEM (-----BEGIN PRIVATE KEY-----)",
    );
  }
  return fromPrivate(privateKey);
}

/** PKCS#8 PEM: a secret. */
export async function exportPrivatePem(key: SigningKey): Promise<string> {
  return exportPKCS8(key.privateKey);
}

/** The key set that product clouds are given; the newest key first, if the caller keeps them so. */
export function publicJwks(keys: readonly SigningKey[]): { keys: PublicJwk[] } {
  return { keys: keys.map(({ publicJwk }) => publicJwk) };
}

/** SPKI PEM, for callees that take one public key (v1). */
export function publicPem(key: SigningKey): string {
  return createPublicKey({ key: { ...key.publicJwk }, format: "jwk" })
    .export({ type: "spki", format: "pem" })
    .toString();
}

async function fromPrivate(privateKey: CryptoKey): Promise<SigningKey> {
  const { kty, crv, x, y } = await exportJWK(privateKey);
  if (kty !== "EC" || crv !== "P-256" || x === undefined || y === undefined) {
    throw new SigningKeyUnreadable("The signing key is not a P-256 key");
  }
  const kid = await calculateJwkThumbprint({ kty, crv, x, y }, "sha256");
  const publicJwk: PublicJwk = { kty: "EC", crv: "P-256", x, y, kid, alg: TOKEN_ALGORITHM, use: "sig" };
  return { kid, privateKey, publicJwk };
}
