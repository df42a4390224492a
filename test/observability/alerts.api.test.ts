import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { CHECK_REQUESTED_AT } from "../../crds/index.ts";
import { CAPABILITIES } from "../../interop/protocol/capabilities.ts";
import { Backoff } from "../../operator/runtime/backoff.ts";
import { findPromtool } from "../../tools/promtool/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import type { TestCloud } from "../clouds/index.ts";
import { eventsAbout } from "../field/events.ts";
import { Field } from "../field/field.ts";
import { eventually, type OperatorProcess } from "../harness/index.ts";
import { ApiProxy } from "../proxy/api-proxy.ts";
import { expressionsOf, filledIn, readDashboard, shownLabels } from "./dashboard.ts";
import { evaluated, firing, RULES } from "./promtool.ts";
import { readScrape, type Sample, type Scrape } from "./scrape.ts";
import { type Course, goingOn, inTurn } from "./series.ts";

const missing = await missingPart(findPromtool());

/** How many scrapes show how things stand, and milliseconds between two of them. */
const SCRAPES = 5;
const SCRAPED_EVERY_MS = 250;
/** A key that fails again and again is tried so seldom in the end. */
const LONGEST_PAUSE_MINUTES = new Backoff({ jitter: 0 }).delay(100) / 60_000;

/** Each alert, in a run of the real operator in which what it warns of happens; the dashboard, on all that was scraped. */
describe.skipIf(missing !== undefined)(`the alerts${missing ?? ""}`, { timeout: 90_000 }, () => {
  let field: Field;
  let proxy: ApiProxy;
  /** The one that leads, and one that waits for the lease. */
  let replicas: OperatorProcess[];
  /** A cloud that does not answer, and is back in the end. */
  let gone: TestCloud;
  const fired = new Set<string>();
  /** Every series that was ever there, as it was last. */
  const everSeen = new Map<string, Sample>();

  beforeAll(async () => {
    field = await Field.open();
    proxy = await ApiProxy.start(field.plane.kubeconfig);
    replicas = [await field.operator({ kubeconfig: proxy.kubeconfig })];
    replicas.push(await field.operator());
    for (const account of ["acme", "beta"]) await field.account(account);
    const cloud = await field.cloud("acme");
    await field.awsApi("acme", "aws", cloud);
    await field.ship("D001", 5);
    await field.batch("acme", "first", { batchId: "D001", cloudApis: [{ name: "aws" }] });
    await field.awaitReady("acme", "first");
  });

  afterAll(async () => {
    proxy.hooks = {};
    await field.close();
    await proxy.stop();
  });

  async function scrape(of: readonly OperatorProcess[] = replicas): Promise<Scrape> {
    const answers = await Promise.all(of.map((replica) => replica.metrics()));
    const samples = new Map<string, Sample>();
    for (const [at, text] of answers.entries()) {
      for (const [series, sample] of readScrape(text, `replica-${at}`)) samples.set(series, sample);
    }
    for (const [series, sample] of samples) everSeen.set(series, sample);
    return { at: performance.now(), samples };
  }

  /** All series together that begin so. */
  async function sumOf(beginning: string): Promise<number> {
    const { samples } = await scrape();
    const of = [...samples.values()].filter(({ series }) => series.startsWith(beginning));
    return of.reduce((sum, { value }) => sum + value, 0);
  }

  /** What fires if things stay as they are now. */
  async function alertsNow(course?: Course, of?: readonly OperatorProcess[]): Promise<string[]> {
    const window: Scrape[] = [await scrape(of)];
    while (window.length < SCRAPES) {
      await sleep(SCRAPED_EVERY_MS);
      window.push(await scrape(of));
    }
    return await firing(goingOn(window, course));
  }

  /** Waits until each of these would fire if things stayed as they are, and gives all that would. */
  async function fires(wanted: readonly string[], course?: Course): Promise<string[]> {
    const alerts = await eventually(
      async () => {
        const now = await alertsNow(course);
        const lacking = wanted.filter((name) => !now.includes(name));
        if (lacking.length > 0) throw new Error(`${lacking.join(", ")} would not, but ${now.join(", ")}`);
        return now;
      },
      { what: `${wanted.join(", ")} fire`, deadline: 45_000, interval: 0 },
    );
    for (const name of wanted) fired.add(name);
    return alerts;
  }

  it("are silent while all is well: devices in a cloud, on their way, and held back by people", async () => {
    const slow = await field.cloud("acme");
    slow.manners.msPerDevice = 20;
    const limits = { devicesPerSecond: 40 };
    await field.awsApi("acme", "under-way", slow, { region: "sa-east-1", limits });
    await field.ship("D002", 400);
    await field.batch("acme", "under-way", { batchId: "D002", cloudApis: [{ name: "under-way" }] });
    await field.ship("D003", 2);
    await field.batch("acme", "later", { batchId: "D003", cloudApis: [{ name: "aws" }], suspend: true });
    await field.awaitBatch("acme", "later", { type: "Ready", status: "False", reason: "Suspended" });
    const since = await scrape();
    const done = 'certferry_devices_done_total{namespace="acme",cloudapi="under-way"';
    await eventually(async () => (await sumOf(done)) > 0, { what: "the first devices are in" });
    expect(await alertsNow({ since })).toEqual([]);
  });

  it("tell of what people must mend: batches, reels, clouds, devices, keys, entries of manifests", async () => {
    const before = await scrape();
    // A reel of another account, and a file that is no manifest.
    await field.batch("beta", "theirs", { batchId: "D001" });
    await field.shipCsv("D010", "this is no manifest\n");
    // A cloud that is gone, and a batch for it.
    gone = await field.cloud("acme");
    await field.awsApi("acme", "gone", gone, { region: "eu-west-2" });
    await gone.down();
    await field.ship("D011", 2);
    await field.batch("acme", "waits", { batchId: "D011", cloudApis: [{ name: "gone" }] });
    // A cloud that refuses a device for good.
    const strict = await field.cloud("acme");
    const devices = await field.ship("D012", 2);
    const refs = devices.slice(0, 1).map(({ deviceId }) => deviceId);
    strict.manners.refuse = { refs, message: "Cannot decode certitifcate" };
    await field.awsApi("acme", "strict", strict, { region: "eu-west-3" });
    await field.batch("acme", "refused", { batchId: "D012", cloudApis: [{ name: "strict" }] });
    // A cloud that tells, and from which somebody took a device.
    const telling = await field.cloud("acme", { capabilities: CAPABILITIES });
    await field.awsApi("acme", "telling", telling, { region: "eu-west-4" });
    await field.ship("D014", 2);
    await field.batch("acme", "vanished", { batchId: "D014", cloudApis: [{ name: "telling" }] });
    await field.awaitReady("acme", "vanished");
    expect(telling.registry.lose(telling.registry.list()[0]?.name ?? "")).toBe(true);
    const asking = { metadata: { annotations: { [CHECK_REQUESTED_AT]: "now" } } };
    await field.batches.patch({ namespace: "acme", name: "vanished" }, asking);
    // An account whose public key is published, and whose private key is nowhere.
    await field.namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "restored" } });
    await field.configMaps.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "restored", name: "certferry-jwks" },
      data: { "jwks.json": JSON.stringify(await field.keysOf("beta")) },
    });
    await field.azureApi("restored", "azure", await field.cloud("beta", { flavor: "azure" }));
    const standing = [
      "CertferryBatchStalled",
      "CertferryBatchWaiting",
      "CertferryCloudApiNotReady",
      "CertferryDevicesDiffer",
      "CertferryDevicesRefused",
      "CertferryReelStalled",
      "CertferrySigningKeyMissing",
    ];
    expect(await fires(standing)).toEqual(standing);

    // A manifest that names one device twice.
    const [first, second] = await field.issuer.issueMany(2, { batchId: "D013" });
    if (first === undefined || second === undefined) throw new Error("no devices");
    await field.shipDevices("D013", [first, { ...second, deviceId: first.deviceId }]);
    const reel = await field.awaitReel("D013", "True", "Available");
    expect(reel.status?.quarantined?.count).toBe(1);
    const after = await scrape();
    expect(await firing(inTurn([before, after], 30))).toContain("CertferryRowsQuarantined");
    // An hour later it is no news any more.
    expect(await firing(inTurn([before, after], 70))).not.toContain("CertferryRowsQuarantined");
    fired.add("CertferryRowsQuarantined");
  });

  it("tell of clouds that bring nothing, and of devices that do not get in", async () => {
    const failing = await field.cloud("acme");
    failing.fail({ kind: "status", status: 503 }, { times: 1_000 });
    await field.awsApi("acme", "failing", failing, { region: "ap-south-1" });
    await field.ship("D020", 4);
    await field.batch("acme", "unlucky", { batchId: "D020", cloudApis: [{ name: "failing" }] });
    const busy = await field.cloud("acme");
    busy.manners.hiddenThrottle = { devicesPerSecond: 0.001 };
    await field.awsApi("acme", "busy", busy, { region: "ap-south-2" });
    await field.ship("D021", 60);
    await field.batch("acme", "throttled", { batchId: "D021", cloudApis: [{ name: "busy" }] });
    const wanted = ["CertferryCloudUnreachable", "CertferryProvisioningStuck"];
    expect(await fires(wanted)).toEqual(expect.arrayContaining(wanted));
    for (const name of ["throttled", "unlucky"]) {
      await field.batches.patch({ namespace: "acme", name }, { spec: { suspend: true } });
    }
  });

  it("tell of ledgers that somebody else writes, and of such that cannot be written", async () => {
    const slow = await field.cloud("acme");
    slow.manners.msPerDevice = 100;
    await field.awsApi("acme", "disturbed", slow, { region: "sa-west-1" });
    await field.ship("D030", 400);
    await field.batch("acme", "disturbed", { batchId: "D030", cloudApis: [{ name: "disturbed" }] });
    let since = await scrape();
    const meddling = new AbortController();
    const meddler = meddle("d030", meddling.signal);
    await fires(["CertferryLedgerConflicts"], { since });
    meddling.abort();
    await meddler;
    proxy.hooks = { before: ({ plural }) => plural !== "provisioningledgers" };
    const failures = (): Promise<number> => sumOf('certferry_ledger_writes_total{result="error"');
    const before = await failures();
    await eventually(async () => (await failures()) > before, { what: "a write has failed" });
    since = await scrape();
    expect(await fires(["CertferryLedgerNotWritten"], { since })).not.toContain("CertferryLedgerConflicts");
    proxy.hooks = {};
  });

  /** Writes a reel's ledgers whenever they were written, until told to stop. */
  async function meddle(reel: string, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const { items } = await field.ledgers.list({ labelSelector: `certferry.dev/reel=${reel}` });
      for (const { metadata } of items) {
        const annotations = { "example.com/seen-at": String(performance.now()) };
        await field.ledgers.patch({ name: metadata.name }, { metadata: { annotations } });
      }
      await sleep(100);
    }
  }

  it("tell of an API server that fails, of reconciles that fail with it, and of queues that wait", async () => {
    let since = await scrape();
    // One object that cannot be written is enough, however seldom it is tried in the end.
    proxy.hooks = { before: ({ name }) => name !== "unwritten" };
    await field.batch("beta", "unwritten", { batchId: "X1" });
    const everyMinutes = { controller_runtime_reconcile_total: LONGEST_PAUSE_MINUTES };
    await fires(["CertferryReconcileErrors"], { since, everyMinutes });

    let requests = 0;
    proxy.hooks = { any: () => (requests += 1) % 3 > 0 };
    since = await scrape();
    expect(await fires(["CertferryApiServerFailing"], { since })).not.toContain("CertferryNoLeader");

    // One that takes writes and says nothing: each holds one of four workers for 30 s, so that 80 take ten minutes.
    const silence = Promise.withResolvers<boolean>();
    proxy.hooks = { before: async ({ plural }) => (plural === "devicebatches" ? silence.promise : true) };
    await Promise.all(
      Array.from({ length: 80 }, (_, at) => field.batch("beta", `late-${at}`, { batchId: `Y${at}` })),
    );
    await fires(["CertferryQueueWaiting"], { lasting: ["certferry_workqueue_oldest_seconds"] });
    silence.resolve(true);
    proxy.hooks = {};

    const mended = [
      "ApiServerFailing",
      "LedgerConflicts",
      "LedgerNotWritten",
      "QueueWaiting",
      "ReconcileErrors",
    ];
    const over = new Set(mended.map((name) => `Certferry${name}`));
    await eventually(
      async () => {
        const now = await alertsNow({ everyMinutes });
        expect(now.filter((name) => over.has(name))).toEqual([]);
        return true;
      },
      { what: "what is mended does not fire any more", deadline: 60_000, interval: 0 },
    );
  });

  it("tell that nobody leads, and of an operator that keeps restarting", async () => {
    const namespace = "elsewhere";
    await field.namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    const since = new Date().toISOString().replace("Z", "000Z");
    await field.client.request({
      method: "POST",
      path: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
      body: {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name: "certferry-operator", namespace },
        spec: {
          holderIdentity: "somebody",
          leaseDurationSeconds: 3_600,
          acquireTime: since,
          renewTime: since,
        },
      },
    });
    const start = () => field.operator({ operatorNamespace: namespace, waitFor: "listening" });
    const waiting = await start();
    expect(await alertsNow({}, [waiting])).toEqual(["CertferryNoLeader"]);
    fired.add("CertferryNoLeader");

    // Four processes, one after the other in the same pod.
    const processes = [...replicas, waiting, await start()];
    const lives = await Promise.all(processes.map((operator) => scrape([operator])));
    expect(await firing(inTurn(lives, 15))).toContain("CertferryOperatorRestarts");
    fired.add("CertferryOperatorRestarts");
    // A new version, and another after that one, is none.
    expect(await firing(inTurn(lives.slice(0, 3), 15))).not.toContain("CertferryOperatorRestarts");
  });

  it("tell of what people read in Events, too: bound, throttled, refused, held up, healed, taken up", async () => {
    const told = (name: string) =>
      eventsAbout(field.client, { kind: "DeviceBatch", namespace: "acme", name });
    await gone.up();
    // Whoever mends a cloud may have it looked at at once.
    await field.cloudApis.patch({ namespace: "acme", name: "gone" }, { spec: { displayName: "back again" } });
    await field.awaitReady("acme", "waits");
    await field.deleteBatch("acme", "first");
    await field.batch("acme", "again", { batchId: "D001", cloudApis: [{ name: "aws" }] });
    await field.awaitReady("acme", "again");
    const lives: Readonly<Record<string, readonly RegExp[]>> = {
      first: [/^Normal Bound: reel D001 with 5 devices/, /^Normal Provisioned: 5 devices are in aws$/],
      again: [/^Normal TakenUp: reel D001 .* not sent again$/, /^Normal Provisioned: 5 devices/],
      refused: [/^Normal Bound/, /^Warning DevicesFailed: .* 1 were refused/],
      waits: [
        /^Normal Bound/,
        /^Warning CloudBlocked: .*gone: Connection(Refused|Broken)/,
        /^Normal Healed/,
        /^Normal Prov/,
      ],
      later: [/^Normal Suspended: spec.suspend of this batch is true/],
    };
    for (const [name, life] of Object.entries(lives)) {
      await eventually(
        async () => expect(await told(name)).toEqual(life.map((words) => expect.stringMatching(words))),
        { what: `Events of ${name}` },
      );
    }
    const throttled = (await told("throttled")).filter((event) =>
      event.startsWith("Normal Throttled: busy "),
    );
    expect(throttled).toHaveLength(1);
  });

  it("are on a dashboard whose every line shows something of this, under labels that are there", async () => {
    const grown = new Map([...everSeen].map(([series, sample]) => [series, { ...sample, value: 0 }]));
    const all = goingOn([{ at: 60_000, samples: everSeen }], { since: { at: 0, samples: grown } });
    const lines = expressionsOf(await readDashboard());
    const shown = await evaluated(all, [...new Set(lines.map(({ expr }) => filledIn(expr)))]);
    for (const { where, expr, legend } of lines) {
      const given = shown.get(filledIn(expr)) ?? [];
      expect(given, `${where}: ${expr}`).not.toEqual([]);
      for (const label of shownLabels(legend)) {
        const values = given.map((labels) => labels[label] ?? "");
        // What was not built from a commit tells of none.
        expect(values.some((value) => value !== "") || label === "revision", `${where}: ${legend}`).toBe(
          true,
        );
      }
    }
  });

  it("have fired, each of them", async () => {
    const { groups } = parse(await readFile(RULES, "utf8")) as { groups: { rules: { alert: string }[] }[] };
    const all = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    expect([...fired].sort()).toEqual(all.sort());
  });
});
