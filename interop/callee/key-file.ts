import { readFile, stat } from "node:fs/promises";
import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import type { CalleeLog } from "./app.ts";

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** How long a file is taken to be unchanged, in milliseconds. */
const CHECK_EVERY_MS = 250;

/**
 * The keys of a JWKS file, read again when it changes, so that a key can be added or dropped while the
 * callee runs. A file that cannot be read (half-written, gone) leaves the keys as they were.
 * @returns what createCallee's `keys` wants; rejects until the file could be read once
 */
export function keyFile(path: string, log?: CalleeLog): () => Promise<JSONWebKeySet> {
  let keys: JSONWebKeySet | undefined;
  let version = "";
  let fault = "";
  let checkedAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> = Promise.resolve();

  async function refresh(): Promise<void> {
    const { mtimeMs, ino, size } = await stat(path);
    const current = `${mtimeMs} ${ino} ${size}`;
    if (current === version) return;
    const read = keySetSchema.parse(JSON.parse(await readFile(path, "utf8")));
    keys = read;
    version = current;
    fault = "";
    log?.info({ path, keys: read.keys.length }, "keys read");
  }

  function complain(error: unknown): void {
    // Not the error's own text: it may quote the file.
    const code = error instanceof Error && "code" in error ? String(error.code) : "not a JWKS";
    if (code !== fault) log?.error({ path, code }, "keys not read");
    fault = code;
  }

  return async () => {
    const now = performance.now();
    if (now - checkedAt >= CHECK_EVERY_MS) {
      checkedAt = now;
      checking = refresh().catch(complain);
    }
    await checking;
    if (keys === undefined)
      throw new Error(`${path} has not been read yet: it must be a JWKS ({"keys": [...]})`);
    return keys;
  };
}
