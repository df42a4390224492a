import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { KubeConfig } from "@kubernetes/client-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Visitor } from "../../console/testing/visitor.ts";
import type { DeviceBatch } from "../../crds/index.ts";
import { kinds } from "../../crds/kinds.ts";
import { apply, parseObjects } from "../cluster/apply.ts";
import { connect } from "../cluster/connect.ts";
import { eventually } from "../cluster/eventually.ts";
import { OwnedProcess } from "../process/owned-process.ts";
import { SPARE } from "./samples.ts";

const MAIN = join(import.meta.dirname, "main.ts");
const DEADLINE = 150_000;

interface Report {
  readonly done: boolean;
  readonly secondsToReady: number;
  readonly secondsToDone: number;
  readonly missing: readonly string[];
  readonly batches: readonly {
    readonly account: string;
    readonly batchId: string;
    readonly bound: number;
    readonly provisioned: number;
    readonly clouds: readonly { readonly name: string }[];
  }[];
}

describe("the demo", () => {
  /** What the demo leaves behind would be in here. */
  let scratch: string;
  let results: string;

  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), "certferry-demo-scratch-"));
    results = await mkdtemp(join(tmpdir(), "certferry-demo-results-"));
  });

  afterEach(async () => {
    await rm(scratch, { recursive: true, force: true });
    await rm(results, { recursive: true, force: true });
  });

  async function demo(...flags: string[]): Promise<OwnedProcess> {
    return await demoWith({}, ...flags);
  }

  async function demoWith(env: NodeJS.ProcessEnv, ...flags: string[]): Promise<OwnedProcess> {
    return await OwnedProcess.start({
      command: process.execPath,
      args: [MAIN, ...flags],
      env: { ...process.env, TMPDIR: scratch, ...env },
      keptLines: 1000,
    });
  }

  /** Every process that the demo starts has the scratch folder or the demo's kubeconfig on its command line. */
  async function leftovers(): Promise<string[]> {
    const left = (await readdir(scratch)).map((name) => `folder ${name}`);
    for (const pid of await readdir("/proc").catch((): string[] => [])) {
      if (!/^\d+$/.test(pid)) continue;
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (command.includes(scratch)) left.push(`process ${pid} ${command.replaceAll("\0", " ")}`);
    }
    return left;
  }

  it(
    "binds and provisions ten reels into three clouds, says so, and leaves nothing",
    async () => {
      const json = join(results, "demo.json");
      const run = await demo("--once", "--json", json, "--timeout", "120");
      const ending = await run.ended;
      expect(ending, run.tail("stdout").join("\n")).toEqual({ code: 0, signal: null });
      expect(run.tail("stdout").join("\n")).toContain("All 10 batches are bound and provisioned: 45 devices");

      const report = JSON.parse(await readFile(json, "utf8")) as Report;
      expect(report).toMatchObject({ done: true, missing: [] });
      expect(report.secondsToReady).toBeGreaterThan(0);
      expect(report.secondsToDone).toBeGreaterThan(report.secondsToReady);
      const reached = report.batches.map(({ batchId, bound, provisioned, clouds }) => ({
        [batchId]: [bound, provisioned, clouds.length],
      }));
      expect(Object.assign({}, ...reached)).toEqual({
        D001: [2, 2, 1],
        D002: [2, 2, 1],
        D003: [2, 2, 1],
        D004: [2, 2, 1],
        D005: [2, 2, 2],
        D006: [5, 5, 1],
        D007: [5, 5, 1],
        D008: [5, 5, 1],
        D009: [10, 10, 2],
        D010: [10, 10, 3],
      });
      expect(await leftovers()).toEqual([]);
    },
    DEADLINE,
  );

  it(
    "says what is missing when the time is over",
    async () => {
      const json = join(results, "demo.json");
      const run = await demo("--once", "--json", json, "--timeout", "0.001");
      const ending = await run.ended;
      expect(ending, run.tail("stdout").join("\n")).toEqual({ code: 1, signal: null });
      expect(run.tail("stdout").join("\n")).toMatch(
        // Of all batches, the one that waits for somebody to choose a cloud cannot be done already.
        /Not everything was reached:\n(- .*\n)*- acme\/d003 \(reel D003\): \d of 2 bound/,
      );
      const report = JSON.parse(await readFile(json, "utf8")) as Report;
      expect(report.done).toBe(false);
      expect(report.missing.length).toBeGreaterThan(0);
      expect(await leftovers()).toEqual([]);
    },
    DEADLINE,
  );

  it(
    "writes what is missing when it fails, over what an earlier run had reached",
    async () => {
      const json = join(results, "demo.json");
      await writeFile(json, '{"done": true}');
      const run = await demoWith({ CERTFERRY_CONTROL_PLANE: "/nowhere/x" }, "--once", "--json", json);
      expect(await run.ended).toEqual({ code: 1, signal: null });
      const report = JSON.parse(await readFile(json, "utf8")) as Report;
      expect(report).toMatchObject({ done: false, batches: [] });
      expect(report.missing).toEqual([expect.stringContaining("/nowhere/x")]);
    },
    DEADLINE,
  );

  it(
    "stays up with registries to look at until it is told to stop, and then removes everything",
    async () => {
      const run = await demo();
      const deadline = 120_000;
      const address = await run.line(
        (line) => /^ {2}aws-eu +(http:\S+)$/.exec(line)?.[1],
        "no registry to look at",
        deadline,
      );
      const exported = /export KUBECONFIG=(\S+)/;
      const kubeconfig = await run.line((line) => exported.exec(line)?.[1], "no kubeconfig", deadline);
      const registry = JSON.parse(await text(address)) as { counts: { devices: number } };
      expect(registry.counts.devices).toBe(16);
      expect(run.ending).toBeUndefined();
      const shown = await run.line((line) => /^ {2}(http:\S+\/)$/.exec(line)?.[1], "no console", deadline);
      const finn = new Visitor(new URL(shown));
      expect((await finn.post("/api/sign-in/known", { id: "finn" })).status).toBe(200);
      const batches = await finn.get("/api/accounts/acme/batches");
      expect(batches.json["counters"]).toMatchObject({ batches: 7, bound: 30, provisioned: 30 });
      expect((await finn.get("/api/accounts/globex/batches")).status).toBe(403);
      await bindsAsTheReadmeSays(kubeconfig);
      const manifest = await run.line((line) => /--manifest (\S+)$/.exec(line)?.[1], "no manifest", deadline);
      expect((await stat(manifest)).isFile()).toBe(true);

      run.signal("SIGINT");
      run.signal("SIGINT");
      expect(await run.ended).toEqual({ code: 0, signal: null });
      expect(await leftovers()).toEqual([]);
    },
    DEADLINE,
  );

  it(
    "removes everything when it is stopped while it sets the stage, and when it is killed",
    async () => {
      const stopped = await demo();
      await stopped.line((line) => /Kubernetes API server/.test(line) || undefined, "no API server", 60_000);
      stopped.signal("SIGTERM");
      expect(await stopped.ended).toEqual({ code: 0, signal: null });
      expect(await leftovers()).toEqual([]);

      const killed = await demo();
      await killed.line((line) => /operator, process/.test(line) || undefined, "no operator", 60_000);
      await killed.kill();
      await eventually(async () => (await leftovers()).length === 0, { what: "nothing is left" });
    },
    DEADLINE,
  );
});

/** The README's own batch is bound into the account that a command without `-n` is in, and gets Ready. */
async function bindsAsTheReadmeSays(kubeconfig: string): Promise<void> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const account = config.getContextObject(config.getCurrentContext())?.namespace ?? "default";
  const readme = await readFile(join(import.meta.dirname, "../../README.md"), "utf8");
  const blocks = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, block = ""]) => block);
  const batches = blocks
    .flatMap((block) => parseObjects(block, "README.md"))
    .filter(({ kind }) => kind === "DeviceBatch");
  expect(batches.map(({ metadata }) => metadata.namespace)).toEqual([account]);
  const client = connect(kubeconfig, { userAgent: "certferry-demo-test" });
  try {
    const signal = AbortSignal.timeout(60_000);
    await apply(client, batches, { fieldManager: "certferry-demo-test", signal });
    const [key] = batches.map(({ metadata }) => ({ namespace: account, name: metadata.name }));
    await eventually(
      async (inner) => {
        const { status } = await client
          .resource<DeviceBatch>(kinds.DeviceBatch)
          .get(key ?? { name: "" }, inner);
        const ready = status?.conditions?.find(({ type }) => type === "Ready");
        return ready?.status === "True" && status?.provisionedDevices === SPARE.devices ? true : undefined;
      },
      { signal, what: "the README's batch is Ready" },
    );
  } finally {
    await client.close();
  }
}

async function text(url: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const call = request(url, { signal: AbortSignal.timeout(10_000), agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve(body));
    });
    call.on("error", reject);
    call.end();
  });
}
