import { createPublicKey } from "node:crypto";

/**
 * The longest JWKS that is taken, in bytes of JSON. AWS Lambda takes 4 KiB of environment in all
 * (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), of which the other variables use a few
 * hundred bytes. A key takes 230, and while one replaces another there are two.
 */
export const LONGEST_JWKS = 3 * 1024;

/** A text that is no set of public keys that may be trusted. The messages quote nothing of it. */
export class JwksFault extends Error {
  override readonly name = "JwksFault";
}

interface PublicJwk {
  kty: "EC";
  crv: "P-256";
  x: string;
  y: string;
  kid?: string;
  alg: "ES256";
  use: "sig";
}

/**
 * Reads the set of keys that a product cloud trusts and gives it back with nothing in it but what verifies a
 * signature; the same keys always give the same text.
 * @param text a JWKS as JSON, as the ConfigMap `certferry-jwks` holds it
 * @throws JwksFault on anything but public P-256 keys, and loudest on a private one
 */
export function trustedJwks(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new JwksFault("is not JSON: set it to the ConfigMap's jwks.json, in quotes, as it is");
  }
  const keys = isRecord(value) && Array.isArray(value["keys"]) ? (value["keys"] as unknown[]) : undefined;
  if (keys === undefined) throw new JwksFault('is not a JWKS: it must be {"keys": [...]}');
  if (keys.length === 0) throw new JwksFault("holds no key, so that nobody could call");
  const result = JSON.stringify({ keys: keys.map((key, index) => publicKey(key, index)) });
  if (Buffer.byteLength(result) > LONGEST_JWKS) {
    throw new JwksFault(
      `holds ${keys.length} keys, ${Buffer.byteLength(result)} bytes: an AWS Lambda function takes at most ${LONGEST_JWKS} here. Take out keys that are no longer signed with`,
    );
  }
  return result;
}

function publicKey(key: unknown, index: number): PublicJwk {
  const which = `key ${index + 1}`;
  if (!isRecord(key)) throw new JwksFault(`${which} is not an object`);
  if ("d" in key) {
    throw new JwksFault(
      `${which} is a PRIVATE key (it has a member "d"). It must not be here, and who has seen it can sign as this account: replace the key, and set the public half only (kubectl get configmap certferry-jwks)`,
    );
  }
  if (key["kty"] !== "EC" || key["crv"] !== "P-256") {
    throw new JwksFault(`${which} is not a P-256 key (kty "EC", crv "P-256"): tokens are signed with ES256`);
  }
  const { x, y, kid, alg } = key;
  if (alg !== undefined && alg !== "ES256")
    throw new JwksFault(`${which} is for another algorithm than ES256`);
  if (kid !== undefined && typeof kid !== "string") throw new JwksFault(`${which} has a kid that is no text`);
  if (typeof x !== "string" || typeof y !== "string" || !isOnCurve(x, y)) {
    throw new JwksFault(`${which} is damaged: its x and y are no point of P-256`);
  }
  return { kty: "EC", crv: "P-256", x, y, ...(kid === undefined ? {} : { kid }), alg: "ES256", use: "sig" };
}

function isOnCurve(x: string, y: string): boolean {
  try {
    createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
    return true;
  } catch {
    return false;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
