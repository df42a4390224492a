import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { OwnedProcess } from "../process/owned-process.ts";

const SERVE = resolve(import.meta.dirname, "../../interop/callee/serve.ts");
const START_DEADLINE_MS = 60_000;

export interface CloudOptions {
  readonly name: string;
  readonly flavor: "aws" | "azure";
  readonly auth:
    | { readonly kind: "bearer"; readonly jwks: string; readonly audience: string }
    | { readonly kind: "basic"; readonly username: string; readonly password: string };
  readonly basePath?: string;
  /** What devices would connect to. */
  readonly endpoint: string;
}

/** A product cloud as a process of its own. */
export interface ProductCloud {
  readonly name: string;
  /** The whole address that is posted to. */
  readonly url: string;
  /** As https://127.0.0.1:PORT */
  readonly origin: string;
  /** Where one can look at what its registry holds. */
  readonly registryUrl: string;
  readonly process: OwnedProcess;
}

/**
 * Starts a product cloud on loopback over HTTPS and waits until it listens.
 * @param folder for the files that it reads, with the TLS files `server.pem` and `server.key` in it
 * @throws Error when it ends or is not there in time, with what it last wrote
 */
export async function startCloud(
  options: CloudOptions,
  folder: string,
  signal: AbortSignal,
): Promise<ProductCloud> {
  const { auth, flavor, name } = options;
  const flags = ["--flavor", flavor, "--name", name, "--endpoint", options.endpoint];
  flags.push("--tls-cert", join(folder, "server.pem"), "--tls-key", join(folder, "server.key"));
  if (options.basePath !== undefined) flags.push("--base-path", options.basePath);
  if (auth.kind === "bearer") {
    const file = join(folder, `${name}-jwks.json`);
    await writeFile(file, auth.jwks);
    flags.push("--jwks", file, "--audience", auth.audience);
  } else {
    const file = join(folder, `${name}-credentials`);
    await writeFile(file, `${auth.username}:${auth.password}\n`, { mode: 0o600 });
    flags.push("--credentials", file);
  }
  const child = await OwnedProcess.start({ command: process.execPath, args: [SERVE, ...flags] });
  try {
    const what = `the product cloud ${name} did not start`;
    const ready = await child.line(readyLine, what, START_DEADLINE_MS, signal);
    return { ...ready, name, origin: new URL(ready.url).origin, process: child };
  } catch (error) {
    await child.kill();
    throw error;
  }
}

function readyLine(line: string): { url: string; registryUrl: string } | undefined {
  if (!line.startsWith('{"ready":true')) return undefined;
  const { url, registryUrl } = JSON.parse(line) as { url: string; registryUrl: string };
  return { url, registryUrl };
}
