import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { ReadSecret } from "./port.ts";

/**
 * The Authorization header that a Secret gives: `token` as bearer, or `username` and `password` as basic.
 * @throws ManifestError SourceUnavailable, or what `read` throws of that kind
 */
export async function authorizationOf(name: string, read: ReadSecret, signal: AbortSignal): Promise<string> {
  const secret = await readOrRefuse(name, read, signal);
  const token = textOf(secret, "token");
  if (token !== undefined) {
    if (/^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
    throw unusable(name, "its token is empty or holds characters that a header cannot carry");
  }
  const [username, password] = [textOf(secret, "username"), textOf(secret, "password")];
  if (username === undefined || password === undefined) {
    throw unusable(name, "it needs the key token, or the keys username and password");
  }
  if (username.includes(":"))
    throw unusable(name, "its username holds a colon, which basic auth cannot carry");
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** A key of a Secret as text, without the line end that editors leave. */
export function textOf(secret: Record<string, Uint8Array>, key: string): string | undefined {
  const bytes = Object.hasOwn(secret, key) ? secret[key] : undefined;
  if (bytes === undefined) return undefined;
  return Buffer.from(bytes)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

/** @throws ManifestError, whatever `read` throws */
export async function readOrRefuse(
  name: string,
  read: ReadSecret,
  signal: AbortSignal,
): Promise<Record<string, Uint8Array>> {
  try {
    return await read(name, signal);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ManifestError) throw cause;
    const why = cause instanceof Error ? `: ${printable(cause.message, 200)}` : "";
    throw new ManifestError("SourceUnavailable", `Secret "${name}" could not be read${why}`, {
      transient: true,
      cause,
    });
  }
}

function unusable(name: string, why: string): ManifestError {
  return new ManifestError("SourceUnavailable", `Secret "${name}" cannot be used: ${why}`);
}
