import {
  exportPrivatePem,
  generateSigningKey,
  importSigningKey,
  publicJwks,
  publicPem,
  type SigningKey,
  SigningKeyUnreadable,
} from "../../interop/trust/signing-key.ts";
import { TokenSource } from "../../interop/trust/token-source.ts";
import { isAlreadyExists } from "../runtime/api-error.ts";
import type { ResourceClient } from "../runtime/client.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ConfigMap, Secret } from "./core-kinds.ts";

/** The ConfigMap in the account's namespace that publishes its public key. */
export const JWKS_CONFIG_MAP = "certferry-jwks";
const JWKS_KEY = "jwks.json";
const PEM_KEY = "public.pem";
const PRIVATE_KEY = "signing-key.pem";
const SECRET_TYPE = "certferry.dev/signing-key";

/**
 * The account had a key, and it is gone or cannot be read: a new one would be refused by every cloud, so none
 * is made.
 */
export class SigningKeyMissing extends Error {
  override name = "SigningKeyMissing";
}

/** Name of the Secret, in the operator's namespace, that holds an account's key. */
export function signingKeySecret(account: string): string {
  return `certferry-signing-key-${account}`;
}

export interface SigningKeysOptions {
  readonly secrets: ResourceClient<Secret>;
  readonly configMaps: ResourceClient<ConfigMap>;
  /** The operator's namespace: where private keys are kept. */
  readonly namespace: string;
  readonly clock: Clock;
}

/**
 * The accounts' signing keys: one key pair each, made once, the private half in the operator's namespace and
 * the public half in the account's.
 */
export class SigningKeys {
  readonly #o: SigningKeysOptions;
  readonly #keys = new Map<string, SigningKey>();
  readonly #tokens = new Map<string, TokenSource>();

  constructor(options: SigningKeysOptions) {
    this.#o = options;
  }

  /**
   * Makes the account's key if it never had one, and publishes its public half.
   * @throws SigningKeyMissing when a public key is published whose private half is gone, or the Secret that
   * should hold it holds no key.
   */
  async ensure(account: string, signal: AbortSignal): Promise<SigningKey> {
    try {
      return await this.#ensure(account, signal);
    } catch (error) {
      // Signing on with what is in memory would only put off the outage to the next start.
      if (error instanceof SigningKeyMissing) this.#forget(account);
      throw error;
    }
  }

  async #ensure(account: string, signal: AbortSignal): Promise<SigningKey> {
    const published = await this.#o.configMaps.find({ namespace: account, name: JWKS_CONFIG_MAP }, signal);
    const key = (await this.#read(account, signal)) ?? (await this.#make(account, published, signal));
    await this.#publish(account, key, published, signal);
    if (this.#keys.get(account)?.kid !== key.kid) this.#forget(account);
    this.#keys.set(account, key);
    return key;
  }

  /**
   * A source of tokens for one cloud of one account.
   * @param audience the AWS account ID or the Azure subscription ID.
   * @throws SigningKeyMissing
   */
  async tokens(account: string, audience: string, signal: AbortSignal): Promise<TokenSource> {
    // A namespace that is going takes no public key any more, and its devices may have to be taken out still.
    const key =
      this.#keys.get(account) ?? (await this.#read(account, signal)) ?? (await this.ensure(account, signal));
    const name = `${account}/${audience}`;
    const existing = this.#tokens.get(name);
    if (existing !== undefined) return existing;
    const source = new TokenSource({ key, issuer: `certferry:${account}`, audience, clock: this.#o.clock });
    this.#tokens.set(name, source);
    return source;
  }

  async #read(account: string, signal: AbortSignal): Promise<SigningKey | undefined> {
    const { namespace } = this.#o;
    const name = signingKeySecret(account);
    const secret = await this.#o.secrets.find({ namespace, name }, signal);
    if (secret === undefined) return undefined;
    try {
      const pem = Buffer.from(secret.data?.[PRIVATE_KEY] ?? "", "base64").toString("utf8");
      return await importSigningKey(pem);
    } catch (error) {
      if (!(error instanceof SigningKeyUnreadable)) throw error;
      throw new SigningKeyMissing(
        `Secret ${namespace}/${name} holds no readable key under ${PRIVATE_KEY}: restore the signing key of account ${account}. Its clouds trust only that one`,
        { cause: error },
      );
    }
  }

  async #make(account: string, published: ConfigMap | undefined, signal: AbortSignal): Promise<SigningKey> {
    const secretName = `${this.#o.namespace}/${signingKeySecret(account)}`;
    if (published?.data?.[JWKS_KEY] !== undefined) {
      throw new SigningKeyMissing(
        `the signing key of account ${account} is gone (Secret ${secretName}), and its clouds trust only that one. Restore the Secret; or, to begin with a new key, delete ConfigMap ${account}/${JWKS_CONFIG_MAP} and give the new public key to every cloud`,
      );
    }
    const key = await generateSigningKey();
    const secret: Secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: signingKeySecret(account),
        namespace: this.#o.namespace,
        labels: { "app.kubernetes.io/managed-by": "certferry" },
      },
      type: SECRET_TYPE,
      data: { [PRIVATE_KEY]: Buffer.from(await exportPrivatePem(key)).toString("base64") },
    };
    try {
      await this.#o.secrets.create(secret, signal);
      return key;
    } catch (error) {
      // Another operator was first; its key is the account's.
      const theirs = isAlreadyExists(error) ? await this.#read(account, signal) : undefined;
      if (theirs === undefined) throw error;
      return theirs;
    }
  }

  async #publish(
    account: string,
    key: SigningKey,
    published: ConfigMap | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const data = { [JWKS_KEY]: `${JSON.stringify(publicJwks([key]), null, 2)}\n`, [PEM_KEY]: publicPem(key) };
    if (published?.data?.[JWKS_KEY] === data[JWKS_KEY] && published.data[PEM_KEY] === data[PEM_KEY]) return;
    const configMap: ConfigMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: JWKS_CONFIG_MAP,
        namespace: account,
        labels: { "app.kubernetes.io/managed-by": "certferry" },
      },
      data,
    };
    await this.#o.configMaps.patch(
      { namespace: account, name: JWKS_CONFIG_MAP },
      configMap,
      { type: "apply", fieldManager: "certferry", force: true },
      signal,
    );
  }

  #forget(account: string): void {
    this.#keys.delete(account);
    for (const name of this.#tokens.keys()) {
      if (name.startsWith(`${account}/`)) this.#tokens.delete(name);
    }
  }
}
