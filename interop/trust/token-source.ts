import { randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { type SigningKey, TOKEN_ALGORITHM } from "./signing-key.ts";

export interface TokenSourceOptions {
  key: SigningKey;
  issuer: string;
  /** The AWS account ID or the Azure subscription ID. */
  audience: string;
  /** Default: ten minutes. */
  ttlSeconds?: number;
  clock?: { now(): number };
}

const RENEW_BEFORE_MS = 120_000;

/**
 * Bearer tokens for one product cloud: short, reused until two minutes before they expire (or half-way
 * through, if they live for less than four).
 */
export class TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #ttlMs: number;
  #current: { token: Promise<string>; renewAt: number } | undefined;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#ttlMs = (options.ttlSeconds ?? 600) * 1000;
    if (!(this.#ttlMs > 0)) throw new RangeError("ttlSeconds must be more than 0");
  }

  /** The ID of the key that it signs with. */
  get kid(): string {
    return this.#options.key.kid;
  }

  async token(): Promise<string> {
    const now = (this.#options.clock ?? Date).now();
    if (this.#current === undefined || now >= this.#current.renewAt) {
      const issuedAt = Math.floor(now / 1000);
      const renewAt = issuedAt * 1000 + Math.max(this.#ttlMs - RENEW_BEFORE_MS, this.#ttlMs / 2);
      const token = this.#sign(issuedAt);
      this.#current = { token, renewAt };
      token.catch(() => {
        if (this.#current?.token === token) this.#current = undefined;
      });
    }
    return this.#current.token;
  }

  async #sign(issuedAt: number): Promise<string> {
    const { key, issuer, audience } = this.#options;
    return new SignJWT()
      .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid: key.kid, typ: "JWT" })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + Math.floor(this.#ttlMs / 1000))
      .setJti(randomUUID())
      .sign(key.privateKey);
  }
}
