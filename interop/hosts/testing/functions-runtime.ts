import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

export interface RuntimeAnswer {
  status: number;
  body: string;
  headers: Record<string, string>;
  /** What the invocation logged, as the runtime got it. */
  logs: { level: string; line: string }[];
}

export interface FunctionsRuntime {
  /** Of the functions that the app registered: their bindings. */
  readonly functions: { name: string; bindings: Record<string, Record<string, unknown>> }[];
  readonly bundleBytes: number;
  /** From the file to its functions, in milliseconds. */
  readonly loadMs: number;
  call(method: string, path: string, headers?: Record<string, string>, body?: string): Promise<RuntimeAnswer>;
  /** What went to the process's own output. */
  output(): string;
  stop(): Promise<void>;
}

/** Bundles an entry into one file, as it is deployed: an ES module, with only the runtime's own module left out. */
export async function bundleFunction(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "node",
    target: "node24",
    format: "esm",
    minify: true,
    mainFields: ["module", "main"],
    external: ["@azure/functions-core"],
    banner: { js: 'import{createRequire as __cr}from"node:module";const require=__cr(import.meta.url);' },
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

/** Runs a bundle alone in a folder, in a process of its own, with this environment and no other. */
export async function startFunctionsRuntime(
  code: string,
  options: { env: Record<string, string>; hubPort: number; hubCa: string },
): Promise<FunctionsRuntime> {
  const folder = await mkdtemp(join(tmpdir(), "certferry-function-"));
  const file = join(folder, "index.mjs");
  const ca = join(folder, "ca.pem");
  await writeFile(file, code);
  await writeFile(ca, options.hubCa);
  const child = fork(join(import.meta.dirname, "functions-worker.mjs"), [file, String(options.hubPort)], {
    cwd: folder,
    env: { ...options.env, NODE_EXTRA_CA_CERTS: ca },
    execPath: process.execPath,
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const waiting = new Map<string, (message: Answer) => void>();
  child.on("message", (message: Answer) => waiting.get(message.id)?.(message));
  const ready = await Promise.race([
    once(child, "message").then(([message]) => message as Ready),
    once(child, "exit").then(() => undefined),
  ]);
  if (ready === undefined) throw new Error(`the worker ended before it was ready: ${output}`);
  let calls = 0;
  return {
    functions: ready.functions,
    loadMs: ready.loadMs,
    bundleBytes: Buffer.byteLength(code),
    async call(method, path, headers = {}, body) {
      const id = String((calls += 1));
      const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
      const url = `https://certferry.azurewebsites.net${path}`;
      child.send({ id, http: { method, url, headers, ...(body === undefined ? {} : { body }) } });
      const { http, logs, error } = await answered;
      if (http === undefined) throw new Error(error ?? "no answer");
      return { ...http, logs: logs ?? [] };
    },
    output: () => output,
    async stop() {
      const ended = once(child, "exit");
      child.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Ready {
  loadMs: number;
  functions: FunctionsRuntime["functions"];
}

interface Answer {
  id: string;
  http?: Omit<RuntimeAnswer, "logs">;
  logs?: RuntimeAnswer["logs"];
  error?: string;
}

/** The platform's token endpoint for an app with an identity. */
export async function startIdentityEndpoint(
  header: string,
  token: string,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const good = request.headers["x-identity-header"] === header;
    const expires = Math.floor(Date.now() / 1000) + 3600;
    response.writeHead(good ? 200 : 403, { "content-type": "application/json" });
    response.end(good ? JSON.stringify({ access_token: token, expires_on: String(expires) }) : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
