import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { request } from "undici";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createIssuer, issueServerCertificate, type ServerCertificate } from "../../tools/factory/index.ts";
import { keepStream } from "../../tools/process/kept-output.ts";
import { InteropCaller, type InteropTarget } from "../caller/caller.ts";
import { EgressPolicy } from "../egress/policy.ts";
import { generateSigningKey, publicJwks, type SigningKey } from "../trust/signing-key.ts";
import { TokenSource } from "../trust/token-source.ts";
import type { ServeReady } from "./serve.ts";

const AUDIENCE = "123456789012";
const never = new AbortController().signal;
const main = join(import.meta.dirname, "serve.ts");

let folder: string;
let tls: ServerCertificate;
let keys: SigningKey[];
let caller: InteropCaller;
const running: ChildProcess[] = [];

const file = (name: string): string => join(folder, name);
const tlsArgs = (): string[] => ["--tls-cert", file("tls.crt"), "--tls-key", file("tls.key")];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-callee-"));
  tls = await issueServerCertificate({ hosts: ["127.0.0.1"] });
  keys = [await generateSigningKey(), await generateSigningKey()];
  await writeFile(file("tls.crt"), tls.certPem);
  await writeFile(file("tls.key"), tls.keyPem);
  caller = new InteropCaller({ egress: new EgressPolicy({ allowCidrs: ["127.0.0.1"], env: {} }) });
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

afterAll(async () => {
  await caller.close();
  await rm(folder, { recursive: true, force: true });
});

function start(args: readonly string[]) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  running.push(child);
  keepStream("callee-serve.ts", child.stdout);
  keepStream("callee-serve.ts", child.stderr);
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const exited = once(child, "exit").then(([code]) => code as number | null);
  return { child, exited, errors: () => errors };
}

async function ready(child: ChildProcess): Promise<ServeReady> {
  if (child.stdout === null) throw new Error("no standard output");
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return JSON.parse(line) as ServeReady;
}

function bearer(url: string, key: SigningKey | undefined): InteropTarget {
  if (key === undefined) throw new Error("no key");
  const tokens = new TokenSource({ key, issuer: "certferry", audience: AUDIENCE });
  return { url, caBundle: tls.caPem, auth: { kind: "bearer", token: () => tokens.token() } };
}

describe("a callee as a process", () => {
  it("serves HTTPS behind its base path, shows its registry, and ends at SIGTERM", async () => {
    await writeFile(file("one.jwks"), JSON.stringify(publicJwks(keys.slice(0, 1))));
    const args = ["--flavor", "aws", "--name", "Plant <1>", "--audience", AUDIENCE, "--base-path", "/Prod"];
    const { child, exited } = start([...args, "--jwks", file("one.jwks"), ...tlsArgs()]);
    const cloud = await ready(child);
    expect(cloud).toMatchObject({ ready: true, name: "Plant <1>", flavor: "aws", pid: child.pid });
    expect(cloud.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/Prod\/interop$/);
    const target = bearer(cloud.url, keys[0]);
    expect(await caller.info(target, never)).toEqual({
      compatibilityVersion: 1,
      capabilities: ["batch", "codes", "status", "deprovision"],
    });

    const [device] = await (await createIssuer()).issueMany(1, { batchId: "D001" });
    const certs = [{ ref: "0", der: device?.der ?? new Uint8Array() }];
    expect((await caller.provision(target, certs, never)).get("0")).toMatchObject({
      outcome: "provisioned",
      policyApplied: true,
    });
    const json = await (await request(cloud.registryUrl)).body.json();
    expect(json).toMatchObject({
      name: "Plant <1>",
      flavor: "aws",
      counts: { devices: 1, pushes: 1 },
      devices: [{ name: `Infineon_${device?.serial}`, policy: "CertferryDevice" }],
    });
    const html = await (await request(cloud.registryUrl, { headers: { accept: "text/html" } })).body.text();
    expect(html).toContain(`Infineon_${device?.serial}`);
    expect(html).toContain("Plant &#60;1&#62;");
    expect(html).toContain("1 devices, pushed 1 times, 0 refused, 0 taken out");

    child.kill("SIGTERM");
    expect(await exited).toBe(0);
  });

  it("takes a key that is added while it runs, and drops one", async () => {
    const path = file("changing.jwks");
    await writeFile(path, JSON.stringify(publicJwks(keys.slice(0, 1))));
    await writeFile(
      file("config.json"),
      JSON.stringify({
        flavor: "azure",
        audience: AUDIENCE,
        jwks: path,
        tlsCert: file("tls.crt"),
        tlsKey: file("tls.key"),
      }),
    );
    const { child } = start(["--config", file("config.json"), "--name", "Hub"]);
    const { url } = await ready(child);
    const outcome = (key: SigningKey | undefined): Promise<string> =>
      caller.info(bearer(url, key), never).then(
        () => "in",
        (error: unknown) => (error instanceof Error && "reason" in error ? String(error.reason) : "?"),
      );
    const outcomes = async (): Promise<string[]> => [await outcome(keys[0]), await outcome(keys[1])];
    expect(await outcomes()).toEqual(["in", "Unauthorized"]);

    await writeFile(file("next"), JSON.stringify(publicJwks(keys)));
    await rename(file("next"), path);
    await expect.poll(outcomes, { timeout: 10_000 }).toEqual(["in", "in"]);

    await writeFile(path, '{"keys": [');
    await expect.poll(outcomes, { timeout: 10_000 }).toEqual(["in", "in"]);

    await writeFile(path, JSON.stringify(publicJwks(keys.slice(1))));
    await expect.poll(outcomes, { timeout: 10_000 }).toEqual(["Unauthorized", "in"]);
  });

  it("takes user name and password from a file, and ends with its standard input", async () => {
    await writeFile(file("basic"), "ferry:pass:word\n");
    const { child, exited } = start([
      "--flavor",
      "aws",
      "--credentials",
      file("basic"),
      "--until-stdin-closes",
      ...tlsArgs(),
    ]);
    const { url } = await ready(child);
    const auth = { kind: "basic" as const, username: "ferry", password: "pass:word" };
    expect(await caller.info({ url, caBundle: tls.caPem, auth }, never)).toMatchObject({
      compatibilityVersion: 1,
    });
    child.stdin.end();
    expect(await exited).toBe(0);
  });

  it("says what is wrong with its options", async () => {
    const neither = start(["--flavor", "gcp", ...tlsArgs()]);
    expect(await neither.exited).toBe(2);
    expect(neither.errors()).toContain("flavor:");
    const both = start([
      "--flavor",
      "aws",
      "--audience",
      "x",
      "--jwks",
      "x",
      "--credentials",
      "x",
      ...tlsArgs(),
    ]);
    expect(await both.exited).toBe(2);
    expect(both.errors()).toContain("give either audience and jwks");
    const unknown = start(["--colour", "blue"]);
    expect(await unknown.exited).toBe(2);
    expect(unknown.errors()).toContain("--colour");
  });
});

describe("trust between accounts", () => {
  it("one account's token gets 401 at another's cloud, though it names that cloud", async () => {
    await writeFile(file("a.jwks"), JSON.stringify(publicJwks(keys.slice(0, 1))));
    const args = ["--flavor", "aws", "--audience", AUDIENCE, "--jwks", file("a.jwks"), ...tlsArgs()];
    const { url, registryUrl } = await ready(start(args).child);
    const [device] = await (await createIssuer()).issueMany(1, { batchId: "D001" });
    const certs = [{ ref: "0", der: device?.der ?? new Uint8Array() }];
    await expect(caller.provision(bearer(url, keys[1]), certs, never)).rejects.toMatchObject({
      reason: "Unauthorized",
      httpStatus: 401,
    });
    expect(await (await request(registryUrl)).body.json()).toMatchObject({ counts: { devices: 0 } });
    expect((await caller.provision(bearer(url, keys[0]), certs, never)).size).toBe(1);
  });
});
