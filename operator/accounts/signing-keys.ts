import {
  exportPrivatePem,
  generateSigningKey,
  publicJwks,
  publicPem,
  type SigningKey,
} from "../../interop/trust/signing-key.ts";
import { TokenSource } from "../../interop/trust/token-source.ts";
import { isAlreadyExists, isConflict } from "../runtime/api-error.ts";
import type { ResourceClient } from "../runtime/client.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ConfigMap, Secret } from "./core-kinds.ts";
import {
  KEY_SECRET_TYPE,
  NEXT_PRIVATE_KEY,
  PRIVATE_KEY,
  readKeySecret,
  ROTATION_HANDLED,
  SigningKeyMissing,
  signingKeySecret,
} from "./key-secret.ts";

export { SigningKeyMissing, signingKeySecret } from "./key-secret.ts";

/** The ConfigMap in the account's namespace that publishes its public key. */
export const JWKS_CONFIG_MAP = "certferry-jwks";
const JWKS_KEY = "jwks.json";
const PEM_KEY = "public.pem";

/** The key that an account signs with; and while its keys are being rotated, the one that is to follow. */
export interface AccountKey extends SigningKey {
  readonly next?: SigningKey;
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
 * the public half in the account's. While keys are rotated there are two, and both are published.
 */
export class SigningKeys {
  readonly #o: SigningKeysOptions;
  readonly #keys = new Map<string, AccountKey>();
  readonly #tokens = new Map<string, TokenSource>();

  constructor(options: SigningKeysOptions) {
    this.#o = options;
  }

  /**
   * Makes the account's key if it never had one, and publishes its public half.
   * @param rotation what asks for a next key; each value makes one, once
   * @throws SigningKeyMissing when a public key is published whose private half is gone, or the Secret that
   * should hold it holds no key.
   */
  async ensure(account: string, signal: AbortSignal, rotation?: string): Promise<AccountKey> {
    try {
      return await this.#ensure(account, rotation, signal);
    } catch (error) {
      // Signing on with what is in memory would only put off the outage to the next start.
      if (error instanceof SigningKeyMissing) this.#forget(account);
      throw error;
    }
  }

  async #ensure(account: string, rotation: string | undefined, signal: AbortSignal): Promise<AccountKey> {
    const published = await this.#o.configMaps.find({ namespace: account, name: JWKS_CONFIG_MAP }, signal);
    const had = (await this.#read(account, signal)) ?? (await this.#make(account, published, signal));
    const key = rotation === undefined ? had : await this.#begin(account, had, rotation, signal);
    await this.#publish(account, key, published, signal);
    this.#remember(account, key);
    return key;
  }

  /**
   * A source of tokens for one cloud of one account.
   * @param audience the AWS account ID or the Azure subscription ID.
   * @param which `next`: signed with the key that is to follow; undefined where none is
   * @throws SigningKeyMissing
   */
  async tokens(account: string, audience: string, signal: AbortSignal): Promise<TokenSource>;
  async tokens(
    account: string,
    audience: string,
    signal: AbortSignal,
    which: "next",
  ): Promise<TokenSource | undefined>;
  async tokens(
    account: string,
    audience: string,
    signal: AbortSignal,
    which?: "next",
  ): Promise<TokenSource | undefined> {
    const own = await this.#key(account, signal);
    const key = which === "next" ? own.next : own;
    if (key === undefined) return undefined;
    const name = `${account}/${audience}/${key.kid}`;
    const existing = this.#tokens.get(name);
    if (existing !== undefined) return existing;
    const source = new TokenSource({ key, issuer: `certferry:${account}`, audience, clock: this.#o.clock });
    this.#tokens.set(name, source);
    return source;
  }

  /** Whether an account has a key that is to follow, as far as this process has seen. */
  isRotating(account: string): boolean {
    return this.#keys.get(account)?.next !== undefined;
  }

  /** Ends a rotation: what was the next key is the key, and the one before is gone. */
  async promote(account: string, kid: string, signal: AbortSignal): Promise<AccountKey> {
    const secret = await this.#o.secrets.get(this.#secretKey(account), signal);
    const { [NEXT_PRIVATE_KEY]: next, ...data } = secret.data ?? {};
    const { next: waiting } = await readKeySecret(secret, account);
    if (next !== undefined && waiting?.kid === kid) {
      await this.#o.secrets.update({ ...secret, data: { ...data, [PRIVATE_KEY]: next } }, signal);
    }
    return this.ensure(account, signal);
  }

  /** A namespace that is going takes no public key any more, so to read the private one has to do. */
  async #key(account: string, signal: AbortSignal): Promise<AccountKey> {
    const known = this.#keys.get(account) ?? (await this.#read(account, signal));
    if (known === undefined) return this.ensure(account, signal);
    this.#keys.set(account, known);
    return known;
  }

  #secretKey(account: string): { namespace: string; name: string } {
    return { namespace: this.#o.namespace, name: signingKeySecret(account) };
  }

  async #read(account: string, signal: AbortSignal): Promise<AccountKey | undefined> {
    const secret = await this.#o.secrets.find(this.#secretKey(account), signal);
    return secret === undefined ? undefined : readKeySecret(secret, account);
  }

  async #make(account: string, published: ConfigMap | undefined, signal: AbortSignal): Promise<AccountKey> {
    const { namespace, name } = this.#secretKey(account);
    if (published?.data?.[JWKS_KEY] !== undefined) {
      throw new SigningKeyMissing(
        `the signing key of account ${account} is gone (Secret ${namespace}/${name}), and its clouds trust only that one. Restore the Secret; or, to begin with a new key, delete ConfigMap ${account}/${JWKS_CONFIG_MAP} and give the new public key to every cloud`,
      );
    }
    const key = await generateSigningKey();
    const secret: Secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace, labels: { "app.kubernetes.io/managed-by": "certferry" } },
      type: KEY_SECRET_TYPE,
      data: { [PRIVATE_KEY]: await encodedPem(key) },
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

  /** Makes the next key that a request asks for; one that is under way already serves a newer request too. */
  async #begin(account: string, had: AccountKey, rotation: string, signal: AbortSignal): Promise<AccountKey> {
    const secret = await this.#o.secrets.get(this.#secretKey(account), signal);
    if (secret.metadata.annotations?.[ROTATION_HANDLED] === rotation) return had;
    const next = had.next ?? (await generateSigningKey());
    const { metadata } = secret;
    try {
      await this.#o.secrets.update(
        {
          ...secret,
          metadata: { ...metadata, annotations: { ...metadata.annotations, [ROTATION_HANDLED]: rotation } },
          data: { ...secret.data, [NEXT_PRIVATE_KEY]: await encodedPem(next) },
        },
        signal,
      );
    } catch (error) {
      // Another operator was at it; what it made is what counts.
      if (isConflict(error)) return (await this.#read(account, signal)) ?? had;
      throw error;
    }
    return { ...had, next };
  }

  async #publish(
    account: string,
    key: AccountKey,
    published: ConfigMap | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const all = key.next === undefined ? [key] : [key.next, key];
    // The PEM is for callees that take one key: it follows when the rotation ends.
    const data = { [JWKS_KEY]: `${JSON.stringify(publicJwks(all), null, 2)}\n`, [PEM_KEY]: publicPem(key) };
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

  #remember(account: string, key: AccountKey): void {
    if (this.#keys.get(account)?.kid !== key.kid) this.#forget(account);
    this.#keys.set(account, key);
  }

  #forget(account: string): void {
    this.#keys.delete(account);
    for (const name of this.#tokens.keys()) {
      if (name.startsWith(`${account}/`)) this.#tokens.delete(name);
    }
  }
}

async function encodedPem(key: SigningKey): Promise<string> {
  return Buffer.from(await exportPrivatePem(key)).toString("base64");
}
