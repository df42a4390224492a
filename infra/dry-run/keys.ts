import { generateKeyPairSync } from "node:crypto";

/** A JWKS of as many fresh public keys. Nobody has their private halves a moment later. */
export function freshJwks(count = 1): string {
  const keys = Array.from({ length: count }, () => ({
    ...generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" }),
    alg: "ES256",
    use: "sig",
  }));
  return JSON.stringify({ keys });
}
