import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueServerCertificate, type ServerCertificate } from "../factory/index.ts";
import { CHECKS } from "./checks/index.ts";
import { Exchange } from "./exchange.ts";
import { runChecks } from "./run.ts";
import { Samples } from "./samples.ts";
import { Subject } from "./subject.ts";
import { named } from "./testing/callee.ts";

const EXAMPLE = join(import.meta.dirname, "../../docs/examples/callee.py");
const hasPython =
  spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status === 0;

let folder: string;
let tls: ServerCertificate;
let child: ChildProcess;
let url: string;

describe.skipIf(!hasPython)("the example in Python (needs python3, 3.9 or newer)", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-example-"));
    tls = await issueServerCertificate({ hosts: ["127.0.0.1"] });
    const files = { credentials: "ferry:secret word\n", "tls.crt": tls.certPem, "tls.key": tls.keyPem };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const args = ["0", ...Object.keys(files).map((name) => join(folder, name))];
    child = spawn("python3", [EXAMPLE, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    if (child.stdout === null) throw new Error("no standard output");
    [url = ""] = (await once(createInterface(child.stdout), "line")) as string[];
  });

  afterAll(async () => {
    child.kill();
    await once(child, "exit");
    await rm(folder, { recursive: true, force: true });
  });

  it("conforms, without a warning, and is left as it was", async () => {
    const { signal } = new AbortController();
    const wait = async (ms: number): Promise<void> => sleep(ms, undefined, { signal });
    const exchange = new Exchange({ url, ca: tls.caPem, timeoutMs: 20_000, signal, wait });
    const subject = new Subject({
      url,
      credentials: { kind: "basic", username: "ferry", password: "secret word" },
      exchange,
      samples: new Samples([]),
      patience: { tries: 2, waitMs: 10 },
      signal,
      wait,
    });
    const none = (): void => undefined;
    const outcome = await runChecks(subject, {
      readOnly: false,
      only: [],
      stop: signal,
      onResult: none,
      onNote: none,
    });
    await exchange.close();
    expect(outcome.results.filter(({ verdict }) => verdict === "fail" || verdict === "warn")).toEqual([]);
    expect(outcome).toMatchObject({ conforms: true, left: [], offers: ["codes", "status", "deprovision"] });
    const held = new Set(named(outcome, "pass"));
    const beyond = CHECKS.filter(({ name }) => /^(codes|status|deprovision)\./.test(name));
    expect(beyond.filter(({ name }) => !held.has(name))).toEqual([]);
  });
});
