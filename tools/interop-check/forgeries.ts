import { createHmac, createPublicKey } from "node:crypto";
import { SignJWT } from "jose";
import { generateSigningKey, publicPem, type SigningKey } from "../../interop/trust/signing-key.ts";

/** A token that must be refused, or should be. */
export interface Forgery {
  readonly name: string;
  readonly what: string;
  /** `should` where v1 does not say so, and stacks in the field take such a token. */
  readonly level: "must" | "should";
  readonly make: (key: SigningKey, audience: string) => Promise<string[]>;
}

const HOUR = 3600;
const now = (): number => Math.floor(Date.now() / 1000);
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function claimsFor(audience: string): Record<string, unknown> {
  const iat = now();
  return { iss: "certferry-interop-check", aud: audience, iat, exp: iat + 600, jti: "interop-check" };
}

async function signed(
  key: SigningKey,
  claims: Record<string, unknown>,
  header: object = { kid: key.kid },
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "ES256", typ: "JWT", ...header }).sign(key.privateKey);
}

const withClaims =
  (claims: (audience: string) => Record<string, unknown>) =>
  async (key: SigningKey, audience: string): Promise<string[]> => [
    await signed(key, { ...claimsFor(audience), ...claims(audience) }),
  ];

/** What a callee that reads the algorithm from the token may take for the secret of an HMAC. */
function publicSecrets(key: SigningKey): (string | Buffer)[] {
  const pem = publicPem(key);
  const der = createPublicKey(pem).export({ type: "spki", format: "der" });
  const { x, y } = key.publicJwk;
  return [pem, pem.trimEnd(), der, JSON.stringify(key.publicJwk), Buffer.from(x + y, "base64url"), ""];
}

/** Each makes one token or several of its kind; all of them are refused by a callee that verifies. */
export const FORGERIES: readonly Forgery[] = [
  {
    name: "alg-none",
    level: "must",
    what: "a token without a signature (alg none)",
    make: (_key, audience) =>
      Promise.resolve(
        ["none", "None", "NONE"].map(
          (alg) => `${encoded({ alg, typ: "JWT" })}.${encoded(claimsFor(audience))}.`,
        ),
      ),
  },
  {
    name: "hmac-of-public-key",
    level: "must",
    what: "a token with an HMAC (HS256) whose secret is the public key",
    make: (key, audience) => {
      const head = `${encoded({ alg: "HS256", typ: "JWT", kid: key.kid })}.${encoded(claimsFor(audience))}`;
      const tokens = publicSecrets(key).map(
        (secret) => `${head}.${createHmac("sha256", secret).update(head).digest("base64url")}`,
      );
      return Promise.resolve(tokens);
    },
  },
  {
    name: "empty-signature",
    level: "must",
    what: "a token with a signature of zeros, or with none",
    make: async (key, audience) => {
      const [head, body] = (await signed(key, claimsFor(audience))).split(".");
      return [
        `${head}.${body}.${Buffer.alloc(64).toString("base64url")}`,
        `${head}.${body}.`,
        `${head}.${body}`,
      ];
    },
  },
  {
    name: "changed-claims",
    level: "must",
    what: "a token whose claims were changed after it was signed",
    make: async (key, audience) => {
      const [head, , signature] = (await signed(key, claimsFor(audience))).split(".");
      return [`${head}.${encoded({ ...claimsFor(audience), exp: now() + 24 * HOUR })}.${signature}`];
    },
  },
  {
    name: "other-key",
    level: "must",
    what: "a token of another key under this key's kid",
    make: async (key, audience) => [
      await signed(await generateSigningKey(), claimsFor(audience), { kid: key.kid }),
    ],
  },
  {
    name: "unknown-kid",
    level: "must",
    what: "a token of another key under its own kid, or under none",
    make: async (_key, audience) => {
      const stranger = await generateSigningKey();
      return [await signed(stranger, claimsFor(audience)), await signed(stranger, claimsFor(audience), {})];
    },
  },
  {
    name: "key-in-token",
    level: "must",
    what: "a token that brings the key it is signed with in its header",
    make: async (_key, audience) => {
      const stranger = await generateSigningKey();
      return [await signed(stranger, claimsFor(audience), { jwk: stranger.publicJwk })];
    },
  },
  {
    name: "other-audience",
    level: "must",
    what: "a token for another cloud (aud)",
    make: withClaims((audience) => ({ aud: audience === "999999999999" ? "111111111111" : "999999999999" })),
  },
  {
    name: "no-audience",
    level: "must",
    what: "a token for nobody (no aud)",
    make: withClaims(() => ({ aud: undefined })),
  },
  {
    name: "expired",
    level: "must",
    what: "a token that expired an hour ago",
    make: withClaims(() => ({ iat: now() - HOUR - 600, exp: now() - HOUR })),
  },
  {
    name: "not-yet-valid",
    level: "must",
    what: "a token that is not valid for an hour yet (nbf)",
    make: withClaims(() => ({ nbf: now() + HOUR, exp: now() + 2 * HOUR })),
  },
  {
    name: "never-expires",
    level: "should",
    what: "a token that never expires (no exp)",
    make: withClaims(() => ({ exp: undefined })),
  },
  {
    name: "audience-list",
    level: "should",
    what: "a token that is good at several clouds (a list in aud)",
    make: withClaims((audience) => ({ aud: [audience, "999999999999"] })),
  },
  {
    name: "from-the-future",
    level: "should",
    what: "a token issued an hour from now (iat)",
    make: withClaims(() => ({ iat: now() + HOUR, exp: now() + HOUR + 600 })),
  },
];
