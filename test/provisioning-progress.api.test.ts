import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROVISION_REQUESTED_AT } from "../crds/index.ts";
import { manifestCsv } from "../tools/factory/index.ts";
import type { TestCloud } from "./clouds/index.ts";
import { Field } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";

let field: Field;
let operator: OperatorProcess;

beforeAll(async () => {
  field = await Field.open();
  operator = await field.operator();
});

afterAll(async () => {
  await field.close();
});

/** A batch that goes through after whatever came before it was seen. */
async function somethingLater(site: Site, batchId: string, cloud: string): Promise<void> {
  await field.ship(batchId, 1);
  await site.bind(batchId, [cloud]);
  await site.ready(batchId);
}

function sentRefs(cloud: TestCloud): string[] {
  return cloud.received.of("provision").flatMap(({ refs }) => refs);
}

describe('"provision now"', () => {
  it("sends every device again exactly once for each new value, into every cloud, over restarts too", async () => {
    const site = await Site.open(field, "again");
    const aws = await site.aws("aws");
    const azure = await site.azure("azure");
    const devices = await field.ship("P001", 3);
    const early = await field.ship("P002", 2);
    const pushes = (cloud: TestCloud) => devices.map(({ serial }) => cloud.registry.pushes(serial));
    const earlyPushes = () => early.map(({ serial }) => aws.registry.pushes(serial));
    await site.bind("P001", ["aws", "azure"]);
    // A request that stands there from the beginning is met by the first push.
    await site.bind("P002", ["aws"], { annotations: { [PROVISION_REQUESTED_AT]: "from the beginning" } });
    await site.ready("P001");
    await site.reprovisioned("P002", "from the beginning");
    const before = await site.chunks("P001", "aws");

    await site.provisionNow("P001", "once more");
    const batch = await site.reprovisioned("P001", "once more");
    expect([pushes(aws), pushes(azure)]).toEqual([
      [2, 2, 2],
      [2, 2, 2],
    ]);
    expect(batch.status).toMatchObject({ boundDevices: 3, provisionedDevices: 3, failedDevices: 0 });
    const after = await site.chunks("P001", "aws");
    expect(after[0]?.spec.startedAt).toBe(before[0]?.spec.startedAt);
    expect(Date.parse(after[0]?.spec.provisionedAt ?? "")).toBeGreaterThan(
      Date.parse(before[0]?.spec.provisionedAt ?? ""),
    );

    await site.provisionNow("P001", "once more");
    await somethingLater(site, "P003", "aws");
    await operator.stop();
    operator = await field.operator();
    await somethingLater(site, "P004", "aws");
    await somethingLater(site, "P005", "azure");
    expect([pushes(aws), pushes(azure)]).toEqual([
      [2, 2, 2],
      [2, 2, 2],
    ]);
    expect(earlyPushes()).toEqual([1, 1]);

    await site.provisionNow("P001", "and again");
    await site.reprovisioned("P001", "and again");
    expect([pushes(aws), pushes(azure)]).toEqual([
      [3, 3, 3],
      [3, 3, 3],
    ]);
    expect(earlyPushes()).toEqual([1, 1]);
  });

  it("begins anew when it is asked for in the middle, and ends with everything in", async () => {
    const site = await Site.open(field, "midway");
    const cloud = await site.aws("aws", { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    cloud.manners = { latencyMs: 50 };
    const devices = await field.ship("P010", 6);
    await site.bind("P010", ["aws"]);
    await eventually(() => cloud.registry.counts().devices >= 3);
    await site.provisionNow("P010", "restart");
    await site.reprovisioned("P010", "restart");
    const pushes = devices.map(({ serial }) => cloud.registry.pushes(serial));
    expect(Math.min(...pushes.slice(0, 3))).toBe(2);
    expect(Math.max(...pushes)).toBe(2);
  });

  it("tries devices that the cloud refused, and lists them with their reasons until then", async () => {
    const site = await Site.open(field, "refused");
    const cloud = await site.azure("azure");
    const devices = await field.ship("P020", 4);
    const [, second, third] = devices;
    const refs = [second?.deviceId ?? "", third?.deviceId ?? ""];
    cloud.manners = { refuse: { refs, message: "Cannot get thumbprint" } };
    await site.bind("P020", ["azure"]);
    const failed = await site.notReady("P020", "False", "DevicesFailed");
    expect(failed.status).toMatchObject({ boundDevices: 4, provisionedDevices: 2, failedDevices: 2 });
    expect(failed.status?.clouds).toMatchObject([{ state: "Failed", provisioned: 2, failed: 2, pending: 0 }]);
    expect(failed.status?.failures).toMatchObject(
      refs.map((device) => ({ device, cloud: "azure", reason: "ThumbprintRejected" })),
    );
    expect(await site.states("P020", "azure")).toEqual([
      "provisioned",
      "ThumbprintRejected",
      "ThumbprintRejected",
      "provisioned",
    ]);
    expect(refs.map((ref) => cloud.received.times(ref))).toEqual([1, 1]);

    cloud.heal();
    await site.provisionNow("P020", "mended");
    const mended = await site.reprovisioned("P020", "mended");
    expect(mended.status).toMatchObject({ provisionedDevices: 4, failedDevices: 0 });
    expect(mended.status?.failures).toBeUndefined();
  });
});

describe("suspension", () => {
  it("of a batch stops it in the middle, and lets it end later without sending anything twice", async () => {
    const site = await Site.open(field, "suspended-batch");
    const cloud = await site.aws("aws", { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    cloud.manners = { latencyMs: 60 };
    const devices = await field.ship("H001", 8);
    await site.bind("H001", ["aws"]);
    await eventually(() => cloud.registry.counts().devices >= 2);
    await site.edit("H001", { suspend: true });
    await site.notReady("H001", "False", "Suspended");
    const line = await site.line("H001", "aws", ({ state }) => state === "Suspended");
    expect(line.pending).toBeGreaterThan(0);
    await eventually(() => cloud.received.inFlight === 0);
    const sent = sentRefs(cloud).length;
    await somethingLater(site, "H002", "aws");
    expect(sentRefs(cloud).length).toBe(sent + 1);

    await site.edit("H001", { suspend: false });
    await site.ready("H001");
    expect(devices.map(({ serial }) => cloud.registry.pushes(serial))).toEqual(devices.map(() => 1));
  });

  it("of a CloudApi stops calls of any kind, and the other clouds of the batch go on", async () => {
    const site = await Site.open(field, "suspended-cloud");
    const held = await site.aws("held", { suspend: true });
    const open = await site.aws("open");
    await field.ship("H010", 3);
    await site.bind("H010", ["held", "open"]);
    await site.notReady("H010", "False", "Suspended");
    await site.line("H010", "open", ({ state }) => state === "Provisioned");
    const line = await site.line("H010", "held", ({ state }) => state === "Suspended");
    expect(line.message).toMatch(
      /^Suspended: spec\.suspend of CloudApi held is true\. Whose matter: account/,
    );
    expect(held.received.requests).toEqual([]);
    await field.awaitApi("suspended-cloud", "held", "False", "Suspended");
    expect(open.registry.counts().devices).toBe(3);

    await site.editApi("held", { suspend: false });
    const batch = await site.ready("H010");
    expect(batch.status).toMatchObject({ provisionedDevices: 3 });
    await site.editApi("held", { suspend: true });
    await field.awaitApi("suspended-cloud", "held", "False", "Suspended");
    await somethingLater(site, "H011", "open");
    // What is in is in, whatever may be called.
    expect((await site.ready("H010")).status).toMatchObject({ provisionedDevices: 3 });
  });
});

describe("ceilings", () => {
  it("hold as the cloud sees them", async () => {
    const site = await Site.open(field, "ceilings");
    const limits = { devicesPerSecond: 20, maxInFlight: 2, maxDevicesPerRequest: 3 };
    const cloud = await site.aws("aws", { limits });
    cloud.manners = { latencyMs: 30 };
    await field.ship("L001", 30);
    await site.bind("L001", ["aws"]);
    await site.ready("L001");
    const requests = cloud.received.of("provision");
    expect(Math.max(...requests.map(({ refs }) => refs.length))).toBe(3);
    expect(cloud.received.maxInFlight).toBeLessThanOrEqual(2);
    // Before the last request leaves, the devices before it must have had their time: 50 ms each.
    const [first, last] = [requests[0], requests.at(-1)];
    expect((last?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual((30 - 3) * 50 - 60);
  });

  it("are the lowest of the CloudApis through which one cloud is used at a time", async () => {
    const site = await Site.open(field, "shared-ceiling");
    const cloud = await site.azure("strict", { limits: { maxDevicesPerRequest: 2 } });
    const { azure } = (await field.cloudApis.get({ namespace: "shared-ceiling", name: "strict" })).spec;
    if (azure === undefined) throw new Error("an Azure CloudApi has an azure block");
    const limits = { maxDevicesPerRequest: 50 };
    await field.api("shared-ceiling", "loose", { type: "Azure", azure, caBundle: cloud.caPem, limits });
    await field.awaitApi("shared-ceiling", "loose", "True");
    cloud.manners = { latencyMs: 100 };
    const many = await field.ship("L010", 60);
    const few = await field.ship("L011", 4);
    await site.bind("L010", ["strict"]);
    await eventually(() => cloud.received.of("provision").length > 0, { interval: 20 });
    await site.bind("L011", ["loose"]);
    await site.ready("L011");
    await site.ready("L010");
    const sent = cloud.received.of("provision");
    const first = sent.findIndex(({ refs }) => refs.includes(few[0]?.deviceId ?? ""));
    expect(sent[first]?.refs).toHaveLength(2);
    // Only while both are under way does the lower ceiling hold for both.
    expect(
      sent.findLastIndex(({ refs }) => many.some(({ deviceId }) => refs.includes(deviceId))),
    ).toBeGreaterThan(first);
  });
});

describe("what is sent", () => {
  it("is each device that the reel accepted; refused rows are neither sent nor counted", async () => {
    const site = await Site.open(field, "rows");
    const cloud = await site.aws("aws");
    const good = await field.issuer.issueMany(3, { batchId: "R001" });
    const stranger = await field.issuer.issueDevice({ batchId: "OTHER" });
    const expired = await field.issuer.issueDevice({
      batchId: "R001",
      notBefore: new Date("2001-01-01"),
      notAfter: new Date("2002-01-01"),
    });
    const [header, ...rows] = manifestCsv(good.slice(0, 1), { batchId: "R001" }).split("\n");
    const body = (devices: typeof good, batchId: string) =>
      manifestCsv(devices, { batchId }).split("\n").slice(1).join("\n");
    const csv = [
      `${header}\n${rows.join("\n")}`,
      body([stranger], "OTHER"),
      `broken,R001,not a certificate\n`,
      body(good.slice(1), "R001"),
      body([expired], "R001"),
      body(good.slice(0, 1), "R001"),
    ].join("");
    await field.shipCsv("R001", csv);
    await site.bind("R001", ["aws"]);
    const batch = await site.ready("R001");
    expect(batch.status).toMatchObject({ boundDevices: 3, provisionedDevices: 3, failedDevices: 0 });
    expect(batch.status?.clouds).toMatchObject([{ provisioned: 3, failed: 0, pending: 0 }]);
    expect(sentRefs(cloud)).toEqual(good.map(({ deviceId }) => deviceId));
    expect(await site.states("R001", "aws")).toEqual([
      "provisioned",
      "quarantined",
      "quarantined",
      "provisioned",
      "provisioned",
      "quarantined",
      "quarantined",
    ]);
    const [chunk] = await site.chunks("R001", "aws");
    expect(chunk?.spec.counts).toEqual({ provisioned: 3, failed: 0, pending: 0, quarantined: 4 });
    await field.awaitApi("rows", "aws", "True");
    const counted = await eventually(async () => {
      const api = await field.cloudApis.get({ namespace: "rows", name: "aws" });
      return api.status?.devicesProvisioned === 3 ? api : undefined;
    });
    expect(counted.status).toMatchObject({ compatibilityVersion: 1 });
  });

  it("is neither of two devices with one serial number, and all the others", async () => {
    const site = await Site.open(field, "serials");
    const aws = await site.aws("aws");
    const azure = await site.azure("azure");
    const ordinary = await field.issuer.issueMany(2, { batchId: "C001" });
    const [one, two] = await Promise.all(
      ["first", "second"].map((deviceId) =>
        field.issuer.issueDevice({ batchId: "C001", deviceId, serial: "30309D3B" }),
      ),
    );
    if (one === undefined || two === undefined) throw new Error("two devices were issued");
    const [before, after] = ordinary;
    const devices = [before, one, after, two].filter((device) => device !== undefined);
    await field.shipCsv("C001", manifestCsv(devices, { batchId: "C001" }));
    await site.bind("C001", ["aws", "azure"]);
    const batch = await site.notReady("C001", "False", "DevicesFailed");
    expect(batch.status).toMatchObject({ boundDevices: 4, provisionedDevices: 2, failedDevices: 2 });
    for (const [cloud, name] of [
      [aws, "aws"],
      [azure, "azure"],
    ] as const) {
      expect(sentRefs(cloud)).toEqual(ordinary.map(({ deviceId }) => deviceId));
      expect(await site.states("C001", name)).toEqual([
        "provisioned",
        "SerialCollision",
        "provisioned",
        "SerialCollision",
      ]);
    }
    expect(
      batch.status?.failures?.map(({ device, cloud, reason }) => `${device} ${cloud} ${reason}`),
    ).toEqual([
      "first aws SerialCollision",
      "second aws SerialCollision",
      "first azure SerialCollision",
      "second azure SerialCollision",
    ]);
    expect(batch.status?.failures?.[0]?.message).toContain("30309D3B");
  });

  it("is noted before it leaves: the ledger is there before the first certificate is", async () => {
    const site = await Site.open(field, "intent");
    const cloud = await site.aws("aws");
    await field.ship("I001", 2);
    cloud.manners = { latencyMs: 4_000 };
    await site.bind("I001", ["aws"]);
    await eventually(() => cloud.received.of("provision").length === 1, { interval: 20 });
    const [chunk] = await site.chunks("I001", "aws");
    expect(chunk?.spec.counts).toEqual({ provisioned: 0, failed: 0, pending: 2, quarantined: 0 });
    expect(Date.parse(chunk?.spec.startedAt ?? "")).toBeLessThanOrEqual(
      cloud.received.of("provision")[0]?.at ?? 0,
    );
    const pending = await site.line("I001", "aws", ({ state }) => state === "Provisioning");
    expect(pending).toMatchObject({ provisioned: 0, pending: 2 });
    const batch = await site.ready("I001");
    expect(batch.status?.clouds?.[0]).toMatchObject({ deviceEndpoint: "devices.iot.test.invalid" });
    expect(batch.status?.provisionedAt).toBe(batch.status?.clouds?.[0]?.provisionedAt);
  });
});

describe("a reel of more than one chunk", () => {
  it("is counted over its chunks, and taken up again where it was", async () => {
    const site = await Site.open(field, "large");
    const cloud = await site.aws("aws");
    const [first, ...rest] = await field.issuer.issueMany(4, { batchId: "X001" });
    if (first === undefined) throw new Error("four devices were issued");
    const filler = Array.from({ length: 32_800 }, (_, index) => `filler-${index},OTHER,x\n`).join("");
    const csv =
      manifestCsv([first], { batchId: "X001" }) +
      filler +
      manifestCsv(rest, { batchId: "X001" }).replace(/^.*\n/, "");
    await field.shipFile("X001", csv);
    await site.bind("X001", ["aws"]);
    const batch = await site.ready("X001");
    expect(batch.status).toMatchObject({ boundDevices: 4, provisionedDevices: 4 });
    const chunks = await site.chunks("X001", "aws");
    expect(chunks.map(({ spec }) => [spec.chunk, spec.counts])).toEqual([
      [
        { index: 0, first: 0, devices: 32_768 },
        { provisioned: 1, failed: 0, pending: 0, quarantined: 32_767 },
      ],
      [
        { index: 1, first: 32_768, devices: 36 },
        { provisioned: 3, failed: 0, pending: 0, quarantined: 33 },
      ],
    ]);
    const states = await site.states("X001", "aws");
    expect(states.flatMap((state, at) => (state === "provisioned" ? [at] : []))).toEqual([
      0, 32_801, 32_802, 32_803,
    ]);
    await site.provisionNow("X001", "both chunks");
    await site.reprovisioned("X001", "both chunks");
    expect([first, ...rest].map(({ serial }) => cloud.registry.pushes(serial))).toEqual([2, 2, 2, 2]);
  });
});

describe("two batches that share a cloud", () => {
  it("take turns, and neither waits for the other to end", async () => {
    const site = await Site.open(field, "turns");
    const cloud = await site.aws("aws", { limits: { maxDevicesPerRequest: 1, maxInFlight: 1 } });
    cloud.manners = { latencyMs: 40 };
    const large = await field.ship("T001", 24);
    const small = await field.ship("T002", 4);
    await site.bind("T001", ["aws"]);
    await eventually(() => cloud.registry.counts().devices >= 2, { interval: 20 });
    await site.bind("T002", ["aws"]);
    await site.ready("T002");
    expect(cloud.registry.counts().devices).toBeLessThan(large.length + small.length);
    await site.ready("T001");
    const ours = new Set(small.map(({ deviceId }) => deviceId));
    const order = sentRefs(cloud).map((ref) => (ours.has(ref) ? "s" : "l"));
    const between = order.slice(order.indexOf("s"), order.lastIndexOf("s") + 1).join("");
    expect(between).toBe("slslsls");
  });

  it("do not, when another account names the cloud but brings an address of its own that refuses", async () => {
    const site = await Site.open(field, "honest");
    const meddler = await Site.open(field, "meddler");
    const cloud = await site.aws("aws");
    const { aws } = (await field.cloudApis.get({ namespace: "honest", name: "aws" })).spec;
    if (aws === undefined) throw new Error("an AWS CloudApi has an aws block");
    const trap = await meddler.cloud();
    trap.fail({ kind: "status", status: 429, retryAfter: "600" }, { times: 1_000 });
    await field.api("meddler", "mine", {
      type: "AWS",
      aws: { ...aws, endpoint: trap.origin },
      caBundle: trap.caPem,
      limits: { devicesPerSecond: 1, maxDevicesPerRequest: 1 },
    });
    await field.ship("T010", 1);
    await meddler.bind("T010", ["mine"]);
    await eventually(() => trap.received.of("provision").length > 0);
    await field.ship("T011", 5);
    await site.bind("T011", ["aws"]);
    await site.ready("T011");
    expect(cloud.received.of("provision").map(({ refs }) => refs.length)).toEqual([5]);
  });
});
