import { beforeAll, describe, expect, it } from "vitest";
import {
  API_VERSION,
  CHECK_REQUESTED_AT,
  type DeviceBatch,
  kinds,
  type Reel,
  type ReelBinding,
} from "../../../crds/index.ts";
import { createIssuer, type FactoryDevice, manifestCsv } from "../../../tools/factory/index.ts";
import { placementKey, type PlacementSpec } from "../../provisioning/placement-spec.ts";
import { Rig } from "../../provisioning/testing/rig.ts";
import { formatTime } from "../../runtime/times.ts";
import { ControllerRig, until } from "../testing/controllers.ts";
import { Checks } from "./checks.ts";
import type { CloudView } from "./cloud-progress.ts";
import { newsOfActivity } from "./news.ts";
import { boundStatus } from "./status.ts";

const DAY = 24 * 3_600_000;

let devices: readonly FactoryDevice[];

beforeAll(async () => {
  devices = await (await createIssuer()).issueMany(4, { batchId: "D001" });
});

/** A batch whose devices are in one cloud, and its checks. The status stands for that of the API server. */
class Site implements AsyncDisposable {
  readonly rig: Rig;
  readonly spec: PlacementSpec;
  readonly controllers: ControllerRig;
  readonly binding: ReelBinding;
  checks: Checks;
  batch: DeviceBatch;
  capabilities = new Set(["status" as const]);
  obstacle: CloudView["obstacle"];
  /** CloudApis that lead to the one cloud. */
  names = ["az"];

  private constructor(rig: Rig, spec: PlacementSpec, controllers: ControllerRig, binding: ReelBinding) {
    this.rig = rig;
    this.spec = spec;
    this.controllers = controllers;
    this.binding = binding;
    this.checks = this.newChecks(DAY);
    this.batch = {
      apiVersion: API_VERSION,
      kind: kinds.DeviceBatch.kind,
      metadata: { name: "b", namespace: "acme", uid: "1" },
      spec: { batchId: "D001", provisioning: "Automatic", deletionPolicy: "Retain" },
    };
  }

  static async open(): Promise<Site> {
    const rig = await Rig.open();
    const controllers = await ControllerRig.start();
    const csv = manifestCsv(devices, { batchId: "D001" });
    const target = { key: "Azure/x", type: "Azure" as const, hash: "0123456789" };
    const plain = await rig.reel("D001", csv);
    const spec = { ...plain, ledger: { ...plain.ledger, target }, policyExpected: false };
    rig.ferry.declare(spec);
    await rig.ended(spec, 60_000);
    const { cluster } = controllers;
    for (const ledger of rig.ledgers.list()) {
      await cluster.ledgers.client.create({ ...ledger, metadata: { ...ledger.metadata } });
    }
    const { manifestSha256, records } = spec.ledger;
    const binding = await controllers.binding("d001", {
      batchId: "D001",
      batch: "b",
      manifestSha256,
      records,
      devices: records,
      evaluatedAt: spec.contents.evaluatedAt.toISOString(),
    });
    await cluster.reels.client.create({
      apiVersion: API_VERSION,
      kind: kinds.Reel.kind,
      metadata: { name: "d001" },
      spec: { batchId: "D001", manifest: spec.contents.source },
    } satisfies Reel);
    await until(() => cluster.reels.cache.list().length === 1 && cluster.ledgers.cache.list().length === 1);
    return new Site(rig, spec, controllers, binding);
  }

  newChecks(everyMs: number): Checks {
    const { cluster } = this.controllers;
    return new Checks({ cluster, surveys: this.rig.surveys, clock: this.rig.clock, everyMs });
  }

  ask(request: string): void {
    const annotations = { [CHECK_REQUESTED_AT]: request };
    this.batch = { ...this.batch, metadata: { ...this.batch.metadata, annotations } };
  }

  get key(): string {
    return placementKey(this.spec.ledger);
  }

  /** As a reconcile does it. */
  look() {
    const { target } = this.spec.ledger;
    const { interop } = this.spec;
    const { ledgers } = this.controllers.cluster;
    const viewOf = (name: string): CloudView => ({
      name,
      key: this.key,
      link: {
        target,
        interop: { ...interop, capabilities: this.capabilities },
        limits: {},
        namesBySerial: true,
        policyExpected: false,
        canDeprovision: false,
      },
      obstacle: this.obstacle,
      ledgers: ledgers.cache.list(),
      progress: undefined,
    });
    const checked = this.checks.arrange(this.batch, this.binding, this.names.map(viewOf));
    const status = boundStatus(
      {
        batch: this.batch,
        binding: this.binding,
        choice: { kind: "clouds", names: this.names },
        clouds: checked.clouds,
        departures: [],
        request: undefined,
      },
      new Date(this.rig.clock.now()),
    );
    const news = newsOfActivity(this.batch, status);
    this.batch = { ...this.batch, status };
    const condition = status.conditions?.find(({ type }) => type === "Active");
    return { ...checked, news: [...checked.news, ...(news === undefined ? [] : [news])], status, condition };
  }

  get activity() {
    return this.look().status.clouds?.[0]?.activity;
  }

  /** As where it was written by a clock that went ahead by so much. */
  dateAhead(ms: number): void {
    const { status } = this.look();
    const clouds = status.clouds?.map((line) => {
      if (line.activity === undefined) return line;
      const toldAt = formatTime(new Date(Date.parse(line.activity.toldAt) + ms));
      return { ...line, activity: { ...line.activity, toldAt } };
    });
    this.batch = { ...this.batch, status: { ...status, clouds: clouds ?? [] } };
    // Another process goes on.
    this.rig.surveys.withdrawReel("d001");
  }

  async pass(ms: number): Promise<void> {
    this.look();
    await this.rig.pass(ms);
  }

  get questions(): number {
    return this.rig.cloud.requests.filter(({ action }) => action === "status").length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.controllers[Symbol.dispose]();
    await this.rig[Symbol.asyncDispose]();
  }
}

describe("checks", () => {
  it("ask once soon after a cloud has its devices, then once in each interval, wherever that was written", async () => {
    await using site = await Site.open();
    const { dueIn } = site.look();
    expect(dueIn[0]).toBeGreaterThan(5_000);
    expect(dueIn[0]).toBeLessThan(30_000);
    await site.rig.pass(dueIn[0] ?? 0);
    await site.pass(1_000);
    const { status, condition, dueIn: next } = site.look();
    expect(status.clouds?.[0]?.activity).toMatchObject({ asked: 4, active: 4, differing: 0, rounds: 1 });
    expect(condition).toMatchObject({ status: "True", reason: "DevicesActive" });
    expect((next[0] ?? 0) / DAY).toBeGreaterThan(0.89);
    expect((next[0] ?? 0) / DAY).toBeLessThan(1.11);
    // Another process knows no more than the status says.
    site.checks = site.newChecks(DAY);
    site.rig.surveys.withdrawReel("d001");
    await site.pass(3_600_000);
    expect(site.questions).toBe(1);
    await site.rig.pass(next[0] ?? 0);
    await site.pass(1_000);
    expect(site.activity).toMatchObject({ rounds: 2 });
    expect(site.questions).toBe(2);
  });

  it("ask at once when somebody wants it, once for each value, over restarts too", async () => {
    await using site = await Site.open();
    site.ask("first");
    await site.pass(1_000);
    expect(site.activity).toMatchObject({ request: "first", asked: 4 });
    site.checks = site.newChecks(0);
    site.rig.surveys.withdrawReel("d001");
    await site.pass(3_600_000);
    expect(site.questions).toBe(1);
    site.ask("second");
    await site.pass(1_000);
    expect(site.activity).toMatchObject({ request: "second", rounds: 2 });
    expect(site.questions).toBe(2);
  });

  it("ask of themselves no more than after provisioning where the interval is 0", async () => {
    await using site = await Site.open();
    site.checks = site.newChecks(0);
    await site.pass(30_000);
    await site.pass(1_000);
    expect(site.look().dueIn).toEqual([]);
    await site.pass(30 * DAY);
    expect(site.questions).toBe(1);
  });

  it("say which devices are not as they were left, what to do, and when that is over", async () => {
    await using site = await Site.open();
    const [first, second] = devices.map(({ deviceId }) => deviceId);
    site.rig.cloud.devices.delete(first ?? "");
    site.rig.cloud.manners.inactive = new Set([second ?? ""]);
    site.ask("now");
    await site.pass(1_000);
    const { status, condition, news } = site.look();
    expect(status.clouds?.[0]).toMatchObject({
      state: "Provisioned",
      activity: {
        asked: 4,
        active: 2,
        differing: 2,
        differences: [
          { device: first, what: "Missing" },
          { device: second, what: "Inactive" },
        ],
      },
    });
    expect(condition).toMatchObject({ status: "False", reason: "DevicesDiffer" });
    expect(condition?.message).toContain("in az, 2 of 4 devices");
    expect(condition?.message).toContain("certferry.dev/provision-requested-at");
    // That they are not as they were left makes nothing undone that was done.
    expect(status.conditions?.find(({ type }) => type === "Ready")).toMatchObject({ status: "True" });
    expect(news).toMatchObject([{ type: "Warning", reason: "DevicesDiffer" }]);
    expect(site.look().news).toEqual([]);

    site.rig.cloud.devices.set(first ?? "", 1);
    site.rig.cloud.manners.inactive = new Set();
    site.ask("later");
    await site.pass(1_000);
    const mended = site.look();
    expect(mended.condition).toMatchObject({ status: "True" });
    expect(mended.news).toMatchObject([{ type: "Normal", reason: "DevicesActive" }]);
    expect(mended.status.clouds?.[0]?.activity).not.toHaveProperty("differences");
  });

  it("ask nothing and show nothing where the cloud does not tell", async () => {
    await using site = await Site.open();
    site.capabilities = new Set();
    site.ask("now");
    await site.pass(30 * DAY);
    const { status, condition, dueIn } = site.look();
    expect(site.questions).toBe(0);
    expect(dueIn).toEqual([]);
    expect(condition).toBeUndefined();
    expect(status.clouds?.[0]).not.toHaveProperty("activity");
  });

  it("stop while the batch or its cloud is suspended, and show what was told before", async () => {
    await using site = await Site.open();
    site.ask("now");
    await site.pass(1_000);
    site.obstacle = { state: "Suspended", reason: "Suspended", message: "by somebody" };
    site.ask("again");
    await site.pass(2 * DAY);
    expect(site.activity).toMatchObject({ request: "now", asked: 4 });
    expect(site.questions).toBe(1);
    site.obstacle = undefined;
    await site.pass(1_000);
    expect(site.activity).toMatchObject({ request: "again" });
  });

  it("ask once for each request also where the last leader's clock goes ahead", async () => {
    await using site = await Site.open();
    site.ask("first");
    await site.pass(1_000);
    site.dateAhead(60_000);
    site.ask("second");
    for (let second = 0; second < 30; second += 1) await site.pass(1_000);
    expect(site.activity).toMatchObject({ request: "second", rounds: 2 });
    expect(site.questions).toBe(2);
  });

  it("do not wait for a time that was written by a clock that was wrong", async () => {
    await using site = await Site.open();
    site.ask("now");
    await site.pass(1_000);
    site.dateAhead(400 * DAY);
    await site.pass(1_000);
    expect(site.activity).toMatchObject({ rounds: 2 });
    await site.pass(1_000);
    expect(site.look().dueIn[0]).toBeLessThan(2 * DAY);
    expect(site.questions).toBe(2);
  });

  it("do not take for this cloud's what another told, to which its name led in between", async () => {
    await using site = await Site.open();
    site.ask("now");
    await site.pass(1_000);
    const { status } = site.look();
    const [line] = status.clouds ?? [];
    if (line?.activity === undefined) throw new Error("it was told");
    const activity = { ...line.activity, active: 1, differing: 3, rounds: 7 };
    const elsewhere = { ...line, activity, startedAt: "2026-01-01T00:00:01Z" };
    site.batch = { ...site.batch, status: { ...status, clouds: [elsewhere] } };
    site.rig.surveys.withdrawReel("d001");
    expect(site.activity).toBeUndefined();
    await site.pass(1_000);
    expect(site.activity).toMatchObject({ request: "now", active: 4, rounds: 1 });
    expect(site.questions).toBe(2);
  });

  it("ask a cloud that has two names once, and say of both what it told", async () => {
    await using site = await Site.open();
    site.names = ["az", "again"];
    site.ask("now");
    await site.pass(1_000);
    expect(site.look().status.clouds).toMatchObject([
      { name: "az", activity: { request: "now" } },
      { name: "again", activity: { request: "now" } },
    ]);
    expect(site.questions).toBe(1);
  });

  it("tell who asked when the cloud does not answer, once, and go on by themselves", async () => {
    await using site = await Site.open();
    site.rig.cloud.manners.throttle = {};
    site.ask("now");
    await site.pass(1_000);
    expect(site.look().news).toMatchObject([{ type: "Warning", reason: "CheckHindered" }]);
    expect(site.look().news).toEqual([]);
    site.rig.cloud.manners = { latencyMs: 20 };
    await site.pass(60_000);
    expect(site.activity).toMatchObject({ request: "now", active: 4 });
  });
});
