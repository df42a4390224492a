import { withDeadline } from "../../caller/deadline.ts";
import type { Clock } from "./clock.ts";

/** What a service principal shows to the hub; the credentials of `@azure/identity` fit. */
export interface TokenCredential {
  /** @returns the token, and its end in milliseconds since the epoch; null: there is none to be had */
  getToken(
    scopes: string,
    options: { abortSignal: AbortSignal },
  ): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

/** There is no token. The message says why, and is fit for a log. */
export class TokenUnavailable extends Error {
  override readonly name = "TokenUnavailable";
  /** Trying again soon may help. */
  readonly transient: boolean;
  constructor(message: string, options: { transient: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.transient = options.transient;
  }
}

export interface HubTokens {
  /** @throws TokenUnavailable */
  token(signal: AbortSignal): Promise<string>;
  /** This one was refused: the next is a new one. */
  refused(token: string): void;
}

const FETCH_MS = 10_000;
const RENEW_BEFORE_MS = 300_000;

/** Keeps a token until five minutes before its end (or half-way, if it lives less than ten); one fetch serves all. */
export function createHubTokens(credential: TokenCredential, scope: string, clock: Clock): HubTokens {
  let current: { token: string; renewAt: number } | undefined;
  let fetching: Promise<string> | undefined;

  async function fetch(): Promise<string> {
    // Not under a caller's signal: the others wait for the same token.
    const granted = await withDeadline(
      {
        ms: FETCH_MS,
        signal: new AbortController().signal,
        timedOut: () =>
          new TokenUnavailable(`no token for ${scope} within ${FETCH_MS / 1000} s`, { transient: true }),
      },
      (abortSignal) => credential.getToken(scope, { abortSignal }),
    ).catch((cause: unknown) => {
      if (cause instanceof TokenUnavailable) throw cause;
      throw new TokenUnavailable(`no token for ${scope}: the credential failed`, { transient: true, cause });
    });
    if (granted === null) {
      throw new TokenUnavailable(`no token for ${scope}: the credential has none`, { transient: false });
    }
    const now = clock.now();
    const life = granted.expiresOnTimestamp - now;
    current = { token: granted.token, renewAt: now + Math.max(life - RENEW_BEFORE_MS, life / 2) };
    return granted.token;
  }

  return {
    async token(signal) {
      if (current !== undefined && clock.now() < current.renewAt) return current.token;
      fetching ??= fetch().finally(() => {
        fetching = undefined;
      });
      const aborted = Promise.withResolvers<never>();
      const reject = (): void => aborted.reject(signal.reason);
      signal.throwIfAborted();
      signal.addEventListener("abort", reject, { once: true });
      try {
        return await Promise.race([fetching, aborted.promise]);
      } finally {
        signal.removeEventListener("abort", reject);
      }
    },
    refused(token) {
      if (current?.token === token) current = undefined;
    },
  };
}
