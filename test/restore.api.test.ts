import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeviceBatch, DeviceBatchStatus } from "../crds/index.ts";
import { ENTRY_MESSAGES } from "../interop/protocol/messages.ts";
import type { TestCloud } from "./clouds/index.ts";
import { objectsOf } from "../charts/output/plain.ts";
import type { KubeObject } from "../operator/runtime/objects.ts";
import { asDocumented } from "./field/documented.ts";
import { Field, OPERATOR_NAMESPACE } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { apply, eventually } from "./harness/index.ts";
import { findKubectl } from "../tools/kubectl/source.ts";
import { missingPart } from "../tools/setup/missing-part.ts";

/**
 * A batch's status as it must come back: all of it, but for when its conditions last changed, and for the words in
 * which a cloud refused a device (the ledger keeps the reason only).
 */
type Told = Omit<DeviceBatchStatus, "conditions" | "failures"> & { conditions: string[]; failures: string[] };

const missing = await missingPart(findKubectl());

describe.skipIf(missing !== undefined)(`a cluster that is restored from a backup${missing ?? ""}`, () => {
  let folder: string;
  let origin: Field;
  let copy: Field;
  const clouds = new Map<string, TestCloud>();
  let before: Map<string, Told>;
  let sent: Map<string, number>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-backup-"));
    [origin, copy] = await Promise.all([Field.open(), Field.open()]);
    await origin.operator();
    await populate();
    // Nothing that is bound would be bound anew under these rules: they are not asked of what was bound before.
    const metadata = { namespace: OPERATOR_NAMESPACE, name: "certferry-reel-content" };
    const data = { issuers: "CN=Nobody", keyTypes: "P-521" };
    await origin.configMaps.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data });
    await strict(copy);
    before = await toldIn(origin);
    sent = pushed();
  });

  afterAll(async () => {
    await copy?.close();
    await origin?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Has a cluster hold the policies, the optional ones too, before anything is in it. */
  async function strict({ client, bindings }: Field): Promise<void> {
    const on = { policies: { reelBind: true, reelContent: true } };
    const parts = objectsOf(on, { namespace: OPERATOR_NAMESPACE, version: "0.0.0" });
    await apply(client, (parts.get("policies") ?? []) as KubeObject[]);
    const [kept] = (await origin.bindings.list()).items;
    if (kept === undefined) throw new Error("nothing is bound");
    const { apiVersion, kind, spec } = kept;
    const tried = { apiVersion, kind, metadata: { name: kept.metadata.name }, spec };
    await eventually(
      () =>
        bindings.create(tried).then(
          async () => {
            await bindings.patch({ name: tried.metadata.name }, { spec: { batch: null } });
            await bindings.delete({ name: tried.metadata.name });
            return false;
          },
          (error: Error) => /no params found/.test(error.message),
        ),
      { what: "the policies hold" },
    );
  }

  /** Two accounts, and a batch in each state that a batch may rest in. */
  async function populate(): Promise<void> {
    const acme = await Site.open(origin, "acme");
    const zeta = await Site.open(origin, "zeta");
    const made = await Promise.all([
      acme.aws("first", { default: true }),
      acme.azure("second"),
      acme.aws("picky"),
      zeta.aws("cloud"),
    ]);
    ["first", "second", "picky", "theirs"].forEach((name, at) => {
      const cloud = made[at];
      if (cloud !== undefined) clouds.set(name, cloud);
    });

    await origin.ship("TWO", 3);
    await acme.bind("TWO", ["first", "second"]);
    await acme.ready("TWO");
    await acme.provisionNow("TWO", "2026-11-23T10:00:00Z");
    await acme.reprovisioned("TWO", "2026-11-23T10:00:00Z");

    await origin.ship("MANUAL", 2);
    await acme.bind("MANUAL", undefined, { provisioning: "Manual" });
    await acme.ready("MANUAL");

    await origin.ship("CHOSEN", 2);
    await acme.bind("CHOSEN", undefined);
    await acme.ready("CHOSEN");
    await acme.editApi("first", { default: null });
    await acme.editApi("second", { default: true });

    const [bad] = await origin.ship("FAILED", 3);
    const refuse = { refs: [bad?.deviceId ?? ""], message: ENTRY_MESSAGES.validityOutOfRange };
    cloudNamed("picky").manners = { refuse };
    await acme.bind("FAILED", ["picky"]);
    await acme.notReady("FAILED", "False", "DevicesFailed");

    await origin.ship("KEPT", 2);
    await acme.bind("KEPT", ["first"]);
    await acme.ready("KEPT");
    await origin.deleteBatch("acme", "kept");

    await zeta.bind("TWO", ["cloud"]);
    await zeta.notReady("TWO", "False", "AlreadyBound");
    await origin.ship("THEIRS", 2);
    await zeta.bind("THEIRS", ["cloud"]);
    await zeta.ready("THEIRS");
    await zeta.bind("NOWHERE", ["cloud"]);
    await zeta.notReady("NOWHERE", "False", "ReelNotFound");

    await acme.bind("WANTED", undefined, { provisioning: "Manual" });
    await zeta.bind("WANTED", undefined, { provisioning: "Manual" });
    await acme.notReady("WANTED", "False", "ReelNotFound");
    await zeta.notReady("WANTED", "False", "ReelNotFound");
    await origin.ship("WANTED", 1);
    await acme.notReady("WANTED", "False", "Contested");
    await zeta.notReady("WANTED", "False", "Contested");
    // A CloudApi's count comes some seconds after its ledgers.
    await eventually(async (signal) => {
      const { items } = await origin.cloudApis.list({}, signal);
      const counts = items.map(({ metadata, status }) => `${metadata.name} ${status?.devicesProvisioned}`);
      expect(counts.sort()).toEqual(["cloud 2", "first 7", "picky 2", "second 3"]);
      return true;
    });
  }

  function cloudNamed(name: string): TestCloud {
    const cloud = clouds.get(name);
    if (cloud === undefined) throw new Error(`there is no cloud ${name}`);
    return cloud;
  }

  /** How many provision calls each cloud has had. */
  function pushed(): Map<string, number> {
    return new Map([...clouds].map(([name, cloud]) => [name, cloud.received.of("provision").length]));
  }

  async function toldIn(field: Field, signal?: AbortSignal): Promise<Map<string, Told>> {
    const { items } = await field.batches.list({}, signal);
    return new Map(items.map((batch) => [`${batch.metadata.namespace}/${batch.metadata.name}`, told(batch)]));
  }

  function told({ status }: DeviceBatch): Told {
    const { conditions = [], failures = [], observedGeneration: _generation, ...rest } = status ?? {};
    return {
      ...rest,
      failures: failures.map(({ device, cloud, reason }) => `${device} ${cloud} ${reason}`),
      conditions: conditions
        .map(({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`)
        .sort(),
    };
  }

  /** What reels and clouds tell, as far as it is to come back. */
  async function restIn(field: Field, signal?: AbortSignal): Promise<unknown[]> {
    const [reels, apis] = await Promise.all([field.reels.list({}, signal), field.cloudApis.list({}, signal)]);
    return [...reels.items, ...apis.items].map(({ kind, metadata, status = {} }) => {
      const { conditions = [], observedGeneration: _generation, ...rest } = status;
      const told = conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`).sort();
      return { name: `${kind} ${metadata.name}`, rest, told };
    });
  }

  it("stands where it stood, binds nothing anew and pushes nothing again", async () => {
    const bindings = (await origin.bindings.list()).items.map(({ spec }) => spec);
    const keys = await Promise.all(["acme", "zeta"].map((account) => origin.keysOf(account)));
    const backup = { page: "upgrades.md", heading: "Backup and restore" };
    await asDocumented({ ...backup, block: 0 }, { kubeconfig: origin.plane.kubeconfig, cwd: folder });
    // It holds keys.
    expect((await stat(join(folder, "certferry-backup.yaml"))).mode & 0o077).toBe(0);
    const rest = await restIn(origin);
    await origin.plane.kill();
    await asDocumented({ ...backup, block: 1 }, { kubeconfig: copy.plane.kubeconfig, cwd: folder });
    // Nothing of what was told is there before the operator is.
    expect((await copy.batches.list()).items.map(({ status }) => status?.conditions)).toEqual(
      Array.from({ length: before.size }, () => undefined),
    );
    await copy.operator();

    await eventually(
      async (signal) => {
        expect(await toldIn(copy, signal)).toEqual(before);
        return true;
      },
      { what: "every batch tells what it told before" },
    );
    await eventually(
      async (signal) => {
        expect(await restIn(copy, signal)).toEqual(rest);
        return true;
      },
      { what: "every reel and cloud tells what it told before" },
    );
    expect((await copy.bindings.list()).items.map(({ spec }) => spec)).toEqual(bindings);
    expect(await Promise.all(["acme", "zeta"].map((account) => copy.keysOf(account)))).toEqual(keys);
    expect(pushed()).toEqual(sent);
  });

  it("goes on from there, and does just what it is asked for", async () => {
    await copy.batch("acme", "kept-again", { batchId: "KEPT", cloudApis: [{ name: "first" }] });
    await copy.awaitReady("acme", "kept-again");
    expect(pushed()).toEqual(sent);

    const acme = Site.at(copy, "acme");
    await acme.provisionNow("TWO", "2026-11-24T10:00:00Z");
    await acme.reprovisioned("TWO", "2026-11-24T10:00:00Z");
    cloudNamed("picky").heal();
    await acme.provisionNow("FAILED", "2026-11-24T10:00:00Z");
    await acme.ready("FAILED");
    expect(pushed()).toEqual(
      new Map([...sent].map(([name, calls]) => [name, name === "theirs" ? calls : calls + 1])),
    );
    await copy.reels.patch({ name: "wanted" }, { spec: { reservedFor: { namespace: "zeta" } } });
    await copy.awaitReady("zeta", "wanted");
    expect((await copy.secrets.list({ namespace: OPERATOR_NAMESPACE })).items).toHaveLength(2);
  });
});
