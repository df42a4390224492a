import { expect, it } from "vitest";
import { createIssuer, manifestCsv } from "../../../tools/factory/index.ts";
import { placementKey } from "../../provisioning/placement-spec.ts";
import { Rig } from "../../provisioning/testing/rig.ts";
import { kinds, type ReelBinding } from "../../../crds/index.ts";
import { ApiError } from "../../runtime/api-error.ts";
import { ManualClock } from "../../runtime/clock.ts";
import { ControllerRig, SHA, until } from "../testing/controllers.ts";
import { MemoryKind } from "../testing/memory-api.ts";
import { CloudLinks } from "../cloudapi/links.ts";
import { Checks } from "./checks.ts";
import { DeviceBatchReconciler } from "./reconciler.ts";

it("sends nothing more for a batch whose binding was deleted", async () => {
  await using rig = await Rig.open();
  using controllers = await ControllerRig.start();
  const { cluster, events, context } = controllers;
  const { bindings, batches } = cluster;
  await controllers.batch("acme", "b", "D001");
  await controllers.binding("d001", { batchId: "D001", batch: "b" });
  await bindings.client.delete({ name: "d001" });
  await until(
    () =>
      batches.cache.list().length === 1 &&
      bindings.cache.get("d001")?.metadata.deletionTimestamp !== undefined,
  );
  const devices = await (await createIssuer()).issueMany(2, { batchId: "D001" });
  const spec = await rig.reel("D001", manifestCsv(devices, { batchId: "D001" }));
  rig.ferry.declare(spec);

  const reconciler = new DeviceBatchReconciler({
    cluster,
    inspector: { inspection: () => ({ state: "running" }) },
    links: new CloudLinks(),
    ferry: rig.ferry,
    checks: new Checks({ cluster, surveys: rig.surveys, clock: rig.clock, everyMs: 0 }),
    events,
    clock: rig.clock,
    suspect: () => undefined,
  });
  await reconciler.reconcile("acme/b", context);
  await rig.pass(10_000);
  expect(rig.cloud.requests).toEqual([]);
  expect(rig.ferry.progress(placementKey(spec.ledger))).toBeUndefined();
  const batch = await batches.client.get({ namespace: "acme", name: "b" });
  expect(batch.status?.conditions?.find(({ type }) => type === "Stalled")).toMatchObject({
    reason: "BindingReleased",
  });
});

/** Bindings that no rule lets be made. */
class RefusedBindings extends MemoryKind<ReelBinding> {
  override create(): Promise<ReelBinding> {
    const words = 'admission webhook "w" denied the request: not this one';
    return Promise.reject(new ApiError(words, { status: 400, reason: "BadRequest" }));
  }
}

it("asks less and less often for a binding that is refused, until the rules change", async () => {
  await using rig = await Rig.open();
  using controllers = await ControllerRig.start();
  const { cluster, events, context } = controllers;
  await cluster.reels.client.create({
    apiVersion: "certferry.dev/v1alpha1",
    kind: "Reel",
    metadata: { name: "d001" },
    spec: { batchId: "D001", manifest: { file: { path: "d001" } } },
  });
  await controllers.batch("acme", "b", "D001");
  await until(() => cluster.batches.cache.list().length + cluster.reels.cache.list().length === 2);
  const summary = {
    sha256: SHA,
    records: 1,
    devices: 1,
    refused: 0,
    firstRefused: [],
    issuers: [""],
    keyTypes: ["P-256"],
    format: "CloudIdCsv",
    collidingSerials: new Set<string>(),
  };
  const clock = new ManualClock();
  const refusing = new RefusedBindings(kinds.ReelBinding, controllers.api);
  const reconciler = new DeviceBatchReconciler({
    cluster: { ...cluster, bindings: { cache: cluster.bindings.cache, client: refusing } },
    inspector: { inspection: () => ({ state: "ready", evaluatedAt: new Date(0), summary }) },
    links: new CloudLinks(),
    ferry: rig.ferry,
    checks: new Checks({ cluster, surveys: rig.surveys, clock: rig.clock, everyMs: 0 }),
    events,
    clock,
    suspect: () => undefined,
    random: () => 0,
  });
  const wait = async (): Promise<number> =>
    (await reconciler.reconcile("acme/b", context))?.requeueAfterMs ?? Number.NaN;
  expect(await wait()).toBe(60_000);
  await clock.advance(10 * 60_000);
  expect(await wait()).toBe(600_000);
  await clock.advance(24 * 3_600_000);
  expect(await wait()).toBe(900_000);
  const metadata = { namespace: "certferry-system", name: "certferry-reel-content" };
  await cluster.configMaps.client.create({ apiVersion: "v1", kind: "ConfigMap", metadata });
  await until(() => cluster.configMaps.cache.list().length === 1);
  expect(await wait()).toBe(60_000);
});
