import { createHash, timingSafeEqual } from "node:crypto";
import {
  type CryptoKey,
  decodeProtectedHeader,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
} from "jose";
import { AUTH_MESSAGES, BASIC_AUTH_MESSAGES } from "../protocol/messages.ts";

/** Whom a callee lets in. */
export type CalleeAuth =
  | {
      kind: "bearer";
      /** The public keys of the accounts that may call, given at deployment; a function is asked each time. */
      keys: JSONWebKeySet | (() => Promise<JSONWebKeySet>);
      /** Its own AWS account ID or Azure subscription ID. */
      audience: string;
    }
  | { kind: "basic"; username: string; password: string };

/** Answers why a request is refused (the text of the 401); nothing when it is let in. */
export type Guard = (authorization: string | undefined) => Promise<string | undefined>;

/** @param now milliseconds since the epoch */
export function createGuard(auth: CalleeAuth, now: () => number): Guard {
  return auth.kind === "basic" ? basicGuard(auth.username, auth.password) : bearerGuard(auth, now);
}

const ALGORITHM = "ES256";

/** How far the caller's clock may be ahead of this one, in seconds; `exp` and `nbf` are taken as they stand. */
const CLOCKS_APART_SECONDS = 60;

function bearerGuard(auth: CalleeAuth & { kind: "bearer" }, now: () => number): Guard {
  const imported = new WeakMap<JWK, Promise<CryptoKey | Uint8Array>>();
  const keyOf = (jwk: JWK): Promise<CryptoKey | Uint8Array> => {
    const key = imported.get(jwk) ?? importJWK(jwk, ALGORITHM);
    imported.set(jwk, key);
    return key;
  };

  async function isSignedBy(jwk: JWK, token: string): Promise<boolean> {
    try {
      const { payload } = await jwtVerify(token, await keyOf(jwk), {
        algorithms: [ALGORITHM],
        requiredClaims: ["exp", "aud"],
        currentDate: new Date(now()),
      });
      // jose looks at `iat` only for a token's age: one from the future was made for later use.
      if (payload.iat !== undefined && payload.iat > now() / 1000 + CLOCKS_APART_SECONDS) return false;
      // jose would take a list that holds the audience; such a token would be good at two clouds.
      return typeof payload.aud === "string" && payload.aud.toLowerCase() === auth.audience.toLowerCase();
    } catch {
      return false;
    }
  }

  return async (authorization) => {
    if (authorization === undefined || authorization === "") return AUTH_MESSAGES.missingHeader;
    const [scheme, token, ...rest] = authorization.split(" ");
    if (scheme === undefined || token === undefined || token === "" || rest.length > 0) {
      return AUTH_MESSAGES.notTwoWords;
    }
    if (scheme.toLowerCase() !== "bearer") return AUTH_MESSAGES.notBearer;
    const keys = await trustedKeys(auth.keys);
    if (keys.length === 0) return AUTH_MESSAGES.noVerifier;
    if (auth.audience === "") return AUTH_MESSAGES.noAudience;
    const kid = keyIdOf(token);
    for (const jwk of keys) {
      const fits = kid === undefined || jwk.kid === undefined || jwk.kid === kid;
      if (fits && (await isSignedBy(jwk, token))) return undefined;
    }
    return AUTH_MESSAGES.notVerified;
  };
}

/**
 * Public P-256 keys for signatures alone: no secret and no other kind can be confused with one, and a private
 * key that got into the set is no secret any more.
 */
async function trustedKeys(source: (CalleeAuth & { kind: "bearer" })["keys"]): Promise<JWK[]> {
  try {
    const { keys } = typeof source === "function" ? await source() : source;
    return keys.filter(isSigningKey);
  } catch {
    return [];
  }
}

function isSigningKey({
  kty,
  crv,
  d,
  use = "sig",
  alg = ALGORITHM,
  key_ops: uses = ["verify"],
}: JWK): boolean {
  const fits = kty === "EC" && crv === "P-256" && d === undefined;
  return fits && use === "sig" && alg === ALGORITHM && uses.includes("verify");
}

function keyIdOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}

function basicGuard(username: string, password: string): Guard {
  const expected = digest(Buffer.from(`${username}:${password}`, "utf8"));
  return (authorization) => {
    if (authorization === undefined || authorization === "") {
      return Promise.resolve(AUTH_MESSAGES.missingHeader);
    }
    const [, credentials] = /^basic +(\S+)$/i.exec(authorization) ?? [];
    if (credentials === undefined) return Promise.resolve(BASIC_AUTH_MESSAGES.notBasic);
    const same = timingSafeEqual(digest(Buffer.from(credentials, "base64")), expected);
    return Promise.resolve(same ? undefined : BASIC_AUTH_MESSAGES.refused);
  };
}

function digest(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
