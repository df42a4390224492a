import * as oidc from "openid-client";
import { Problem } from "../server/problem.ts";
import type { Person } from "./person.ts";

/** How people sign in at a provider of the user's. */
export interface OidcOptions {
  readonly issuer: URL;
  readonly clientId: string;
  /** Undefined for a public client: then the code is protected by PKCE alone, as it is in either case. */
  readonly clientSecret: string | undefined;
  /** Shown on the button. */
  readonly label: string;
  readonly scopes: readonly string[];
  /** The claim that a person is known to the cluster by, and the one with their groups. */
  readonly usernameClaim: string;
  readonly groupsClaim: string;
  /** Put before names and groups, as kube-apiserver's own flags do, so that nobody becomes system:… by a claim. */
  readonly usernamePrefix: string;
  readonly groupsPrefix: string;
  /** The groups that the console may impersonate; others are left out. None: no groups. */
  readonly groups: readonly string[];
}

/** What is remembered between the way to the provider and the way back. */
interface Pending {
  readonly verifier: string;
  readonly nonce: string;
  readonly returnTo: string;
  readonly at: number;
}

const PENDING_MS = 10 * 60_000;
const MAX_PENDING = 1000;
const TIMEOUT_S = 10;

/** Authorization code with PKCE, state and nonce; what comes back is a person to be impersonated. */
export class OidcSignIn {
  readonly options: OidcOptions;
  readonly #redirectUri: string;
  readonly #now: () => number;
  readonly #pending = new Map<string, Pending>();
  #discovered: Promise<oidc.Configuration> | undefined;

  /** @param publicUrl the console's own address, as browsers see it */
  constructor(options: OidcOptions, publicUrl: URL, now: () => number) {
    this.options = options;
    this.#redirectUri = new URL("/auth/oidc/callback", publicUrl).href;
    this.#now = now;
  }

  /**
   * Begins a sign-in.
   * @param returnTo a path of the console's, to be at in the end
   * @returns where to send the browser, and the state, which it must bring back in a cookie, too
   * @throws Problem 503 when the provider does not answer
   */
  async begin(returnTo: string): Promise<{ url: URL; state: string }> {
    const config = await this.#provider();
    const verifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    const nonce = oidc.randomNonce();
    this.#remember(state, { verifier, nonce, returnTo, at: this.#now() });
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: this.#redirectUri,
      scope: this.options.scopes.join(" "),
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state,
      nonce,
    });
    return { url, state };
  }

  /**
   * Ends a sign-in.
   * @param query what the provider has sent the browser back with
   * @param state of the cookie of the browser that comes back
   * @throws Problem 400, 401 when it is not the way back of a sign-in that has begun in this browser
   */
  async finish(
    query: URLSearchParams,
    state: string | undefined,
  ): Promise<{ person: Person; returnTo: string }> {
    const pending = state === undefined ? undefined : this.#pending.get(state);
    if (state !== undefined) this.#pending.delete(state);
    if (state === undefined || pending === undefined || this.#now() - pending.at > PENDING_MS) {
      throw new Problem(
        400,
        "SignInExpired",
        "This sign-in was begun elsewhere, or too long ago. Begin again.",
      );
    }
    const config = await this.#provider();
    const url = new URL(this.#redirectUri);
    url.search = query.toString();
    try {
      const tokens = await oidc.authorizationCodeGrant(config, url, {
        pkceCodeVerifier: pending.verifier,
        expectedState: state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      });
      return { person: this.#personOf(tokens.claims() ?? {}), returnTo: pending.returnTo };
    } catch (error) {
      if (error instanceof Problem) throw error;
      const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
      throw new Problem(401, "SignInFailed", `The provider did not confirm who you are${code}. Begin again.`);
    }
  }

  #personOf(claims: Readonly<Record<string, unknown>>): Person {
    const { groups, groupsClaim, groupsPrefix, usernameClaim, usernamePrefix } = this.options;
    const claimed = claims[usernameClaim];
    if (typeof claimed !== "string" || claimed === "") {
      throw new Problem(
        401,
        "NameMissing",
        `The provider told no ${usernameClaim} of you: ask its administrator.`,
      );
    }
    if (usernameClaim === "email" && claims["email_verified"] === false) {
      throw new Problem(401, "EmailUnverified", "The provider has not verified your email address.");
    }
    if (!isTransmittable(claimed)) {
      throw new Problem(
        401,
        "NameRefused",
        `Your ${usernameClaim} at the provider begins or ends with a space, or holds characters that are none: the cluster would take it for another name. Ask the provider's administrator to mend it.`,
      );
    }
    const user = usernamePrefix + claimed;
    // Names that the cluster has for its own parts are nobody's.
    if (user.startsWith("system:")) {
      throw new Problem(401, "NameReserved", "A name that begins with system: cannot sign in.");
    }
    const told = claims[groupsClaim];
    const theirs = (Array.isArray(told) ? told : [])
      .filter((group): group is string => typeof group === "string")
      .map((group) => groupsPrefix + group)
      .filter((group) => groups.includes(group) && !group.startsWith("system:"));
    return { name: claimed, credentials: { kind: "impersonated", user, groups: theirs } };
  }

  async #provider(): Promise<oidc.Configuration> {
    const { clientId, clientSecret, issuer } = this.options;
    // Plain http is for a provider on this machine; options.ts lets no other through.
    const execute = issuer.protocol === "http:" ? [oidc.allowInsecureRequests] : [];
    this.#discovered ??= oidc.discovery(issuer, clientId, clientSecret, undefined, {
      execute,
      timeout: TIMEOUT_S,
    });
    try {
      return await this.#discovered;
    } catch {
      this.#discovered = undefined;
      throw new Problem(
        503,
        "ProviderUnreachable",
        "The sign-in provider does not answer as an OpenID provider at present. Try again in a moment.",
      );
    }
  }

  #remember(state: string, pending: Pending): void {
    this.#pending.set(state, pending);
    if (this.#pending.size <= MAX_PENDING) return;
    const [oldest] = this.#pending.keys();
    if (oldest !== undefined) this.#pending.delete(oldest);
  }
}

/** Whether a name arrives in a header as it is: servers drop spaces at its ends, and two broken names would become one. */
function isTransmittable(name: string): boolean {
  return name.isWellFormed() && name === name.trim() && !/\p{Cc}/u.test(name);
}
