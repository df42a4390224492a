import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ServeReady } from "../../interop/callee/serve.ts";
import { issueServerCertificate } from "../factory/index.ts";
import { keepStream, outputName } from "../process/kept-output.ts";
import { CHECKS } from "./checks/index.ts";
import { readCommand, UsageError } from "./options.ts";

const ROOT = join(import.meta.dirname, "../..");
const AUDIENCE = "123456789012";

let folder: string;
const running: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-interop-check-"));
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await rm(folder, { recursive: true, force: true });
});

function start(command: string, args: readonly string[]) {
  const env = { ...process.env, INIT_CWD: folder };
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ["pipe", "pipe", "pipe"] });
  running.push(child);
  keepStream(outputName(command, args), child.stdout);
  keepStream(outputName(command, args), child.stderr);
  let [out, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  return {
    child,
    done: once(child, "close").then(([code]) => ({ code: code as number | null, out, errors })),
  };
}

/** As `npm run interop:check --` runs it, from the test's own folder. */
const interopCheck = (...args: string[]) =>
  start(process.execPath, [join(ROOT, "tools/interop-check/main.ts"), ...args]).done;

/** Certferry's callee as a process of its own, over HTTPS; its files are in the folder. */
async function serve(...args: string[]): Promise<ServeReady> {
  const tls = await issueServerCertificate({ hosts: ["127.0.0.1"] });
  await writeFile(join(folder, "ca.crt"), tls.caPem);
  await writeFile(join(folder, "tls.crt"), tls.certPem);
  await writeFile(join(folder, "tls.key"), tls.keyPem);
  const files = ["--tls-cert", join(folder, "tls.crt"), "--tls-key", join(folder, "tls.key")];
  const main = join(ROOT, "interop/callee/serve.ts");
  const { child } = start(process.execPath, [main, ...files, ...args, "--until-stdin-closes"]);
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return JSON.parse(line) as ServeReady;
}

describe("npm run interop:check", () => {
  it("takes a newcomer from no key to a callee that conforms", async () => {
    const made = await interopCheck("--make-key", "--key", "keys");
    expect(made).toMatchObject({ code: 0, errors: "" });
    expect(made.out).toContain(join(folder, "keys/jwks.json"));
    expect((await stat(join(folder, "keys/signing-key.pem"))).mode & 0o777).toBe(0o600);
    const jwks = join(folder, "keys/jwks.json");
    const { url, registryUrl } = await serve("--flavor", "azure", "--audience", AUDIENCE, "--jwks", jwks);

    const args = [url, "--audience", AUDIENCE, "--key", "keys", "--ca", "ca.crt", "--json", "out.json"];
    const run = await interopCheck(...args);
    expect(run).toMatchObject({ code: 0, errors: "" });
    expect(run.out).toMatch(/\nIt conforms\.\n$/);
    expect(run.out).not.toContain("\u001B");
    const json = JSON.parse(await readFile(join(folder, "out.json"), "utf8")) as Record<string, unknown>;
    expect(json).toMatchObject({
      url,
      conforms: true,
      left: [],
      offers: ["batch", "codes", "status", "deprovision"],
    });
    expect(json["results"]).toHaveLength(CHECKS.length);
    const registry = (await (await fetch(registryUrl)).json()) as { counts: object };
    expect(registry.counts).toMatchObject({ devices: 0 });
  });

  it("with a user and a password, without changing anything", async () => {
    await writeFile(join(folder, "credentials"), "ferry:pass:word\n");
    const { url } = await serve("--flavor", "aws", "--credentials", join(folder, "credentials"));
    const args = [url, "--credentials", "credentials", "--ca", "ca.crt", "--read-only"];
    const run = await interopCheck(...args);
    expect(run).toMatchObject({ code: 0, errors: "" });
    expect(run.out).toContain("n/a   provision.one: it would change the registry (--read-only)");
    expect(run.out).toContain("pass  authentication.wrong-password");
  });

  it("exits with 1 where the callee does not trust the key or is not trusted, and says what to do", async () => {
    await interopCheck("--make-key", "--key", "trusted");
    const jwks = join(folder, "trusted/jwks.json");
    const { url } = await serve("--flavor", "aws", "--audience", AUDIENCE, "--jwks", jwks);
    const unknown = await interopCheck(url, "--audience", AUDIENCE, "--key", "other", "--ca", "ca.crt");
    expect(unknown.code).toBe(1);
    expect(unknown.out).toContain("A key pair was made. Let the callee trust its public half");
    expect(unknown.out).toContain("FAIL  address.info");
    expect(unknown.out).toContain("Cannot verify and decode token");
    expect(unknown.out).toContain("see       docs/interop.md#answers");
    expect(unknown.out).toMatch(/\nIt does not conform\.\n$/);
    const again = await interopCheck(url, "--audience", AUDIENCE, "--key", "other", "--ca", "ca.crt");
    expect(again.out).toContain(
      `Let the callee trust its public half, which is here:\n  ${join(folder, "other")}`,
    );
    const untrusted = await interopCheck(url, "--audience", AUDIENCE, "--key", "trusted");
    expect(untrusted.code).toBe(1);
    expect(untrusted.out).toMatch(/CA that is not (known|trusted)\. If that CA is meant, give it as --ca/);
  });

  it("exits with 2 for what cannot be run", async () => {
    const nothing = await interopCheck();
    expect(nothing.code).toBe(2);
    expect(nothing.errors).toContain("give the URL of the callee");
    expect(nothing.errors).toContain("Usage: npm run interop:check");
    const url = "https://127.0.0.1:9/interop";
    const noFile = await interopCheck(url, "--credentials", "nowhere");
    expect(noFile).toMatchObject({ code: 2 });
    expect(noFile.errors).toContain("cannot be read (ENOENT)");
    await writeFile(join(folder, "empty"), "a:b");
    const noCa = await interopCheck(url, "--credentials", "empty", "--ca", "empty");
    expect(noCa.code).toBe(2);
    expect(noCa.errors).toMatch(/^--ca: .*no certificate/);
    const noKey = await interopCheck(url, "--audience", "1", "--key", "empty");
    expect(noKey.code).toBe(2);
    expect(noKey.errors).toContain("The signing key cannot be read");
    expect((await interopCheck("--help")).code).toBe(0);
  });
});

describe("the command line", () => {
  const from = { folder: "/home/me", key: "/project/key" };
  const read = (...args: string[]) => readCommand(args, from);

  it("reads paths from where the user is", () => {
    expect(
      read("https://a.example/interop", "--audience", "1", "--ca", "ca.pem", "--only", "status"),
    ).toEqual({
      kind: "check",
      url: "https://a.example/interop",
      auth: { kind: "bearer", audience: "1", key: "/project/key" },
      ca: "/home/me/ca.pem",
      certs: undefined,
      readOnly: false,
      only: ["status"],
      timeoutMs: 32_000,
      json: undefined,
    });
    expect(read("--make-key", "--key", "k")).toEqual({ kind: "make-key", key: "/home/me/k" });
  });

  it.each([
    [["https://a.example"], "say who is calling"],
    [["https://a.example", "--audience", ""], "say who is calling"],
    [["https://a.example", "--audience", "1", "--credentials", "f"], "either --audience"],
    [["https://a.example", "https://b.example", "--audience", "1"], "one URL at a time"],
    [["a.example", "--audience", "1"], "a whole address"],
    [["https://u:p@a.example", "--audience", "1"], "out of the URL"],
    [["https://a.example", "--audience", "1", "--timeout", "never"], "number of seconds"],
    [["https://a.example", "--audience", "1", "--insecure"], "--insecure"],
  ])("%j is refused", (args, message) => {
    expect(() => read(...args)).toThrow(UsageError);
    expect(() => read(...args)).toThrow(message);
  });
});
