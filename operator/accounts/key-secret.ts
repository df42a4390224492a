import { importSigningKey, type SigningKey, SigningKeyUnreadable } from "../../interop/trust/signing-key.ts";
import type { Secret } from "./core-kinds.ts";

export const PRIVATE_KEY = "signing-key.pem";
/** There while the account's keys are being rotated. */
export const NEXT_PRIVATE_KEY = "next-signing-key.pem";
export const KEY_SECRET_TYPE = "certferry.dev/signing-key";
/** Annotation of the Secret: the last request for a new key that was handled. */
export const ROTATION_HANDLED = "certferry.dev/key-rotation-handled";

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

/** @throws SigningKeyMissing when a key that should be there cannot be read; the message quotes nothing of it */
export async function readKeySecret(
  secret: Secret,
  account: string,
): Promise<SigningKey & { next?: SigningKey }> {
  const key = await readKey(secret, PRIVATE_KEY, account);
  if (secret.data?.[NEXT_PRIVATE_KEY] === undefined) return key;
  return { ...key, next: await readKey(secret, NEXT_PRIVATE_KEY, account) };
}

async function readKey({ metadata, data }: Secret, entry: string, account: string): Promise<SigningKey> {
  try {
    return await importSigningKey(Buffer.from(data?.[entry] ?? "", "base64").toString("utf8"));
  } catch (error) {
    if (!(error instanceof SigningKeyUnreadable)) throw error;
    throw new SigningKeyMissing(
      `Secret ${metadata.namespace ?? ""}/${metadata.name} holds no readable key under ${entry}: restore the signing key of account ${account}. Its clouds trust only that one`,
      { cause: error },
    );
  }
}
