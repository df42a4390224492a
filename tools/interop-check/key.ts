import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  exportPrivatePem,
  generateSigningKey,
  importSigningKey,
  publicJwks,
  publicPem,
  type SigningKey,
} from "../../interop/trust/signing-key.ts";

/** A key that is not there or cannot be read. The message names the file. */
export class KeyUnreadable extends Error {
  override readonly name = "KeyUnreadable";
}

export interface CheckKey {
  readonly key: SigningKey;
  /** Where the public half is for the callee to be given; undefined when a file with a key was named. */
  readonly published?: { readonly jwks: string; readonly pem: string };
  /** It was made just now, so that no callee can trust it yet. */
  readonly isNew: boolean;
}

const FILES = { key: "signing-key.pem", jwks: "jwks.json", pem: "public.pem" } as const;

/**
 * The key that tokens are signed with: a PEM file, or a folder in which a key pair is made the first time, with its
 * public half as a JWKS and as PEM beside it.
 * @throws KeyUnreadable
 */
export async function readKey(path: string): Promise<CheckKey> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) return { key: await importFrom(path), isNew: false };
  if (found === undefined && /\.(pem|key)$/.test(path))
    throw new KeyUnreadable(`--key: there is no file ${path}`);
  const own = join(path, FILES.key);
  const isNew = (await stat(own).catch(() => undefined)) === undefined;
  if (isNew) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await writeFile(own, await exportPrivatePem(await generateSigningKey()), { mode: 0o600, flag: "wx" });
  }
  const key = await importFrom(own);
  const published = { jwks: join(path, FILES.jwks), pem: join(path, FILES.pem) };
  await writeFile(published.jwks, `${JSON.stringify(publicJwks([key]), null, 2)}\n`);
  await writeFile(published.pem, publicPem(key));
  return { key, published, isNew };
}

async function importFrom(path: string): Promise<SigningKey> {
  try {
    return await importSigningKey(await readFile(path, "utf8"));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KeyUnreadable(`--key: ${path}: ${why}`, { cause });
  }
}
