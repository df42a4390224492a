import { expect, it } from "vitest";
import { createIssuer, manifestCsv } from "../../../tools/factory/index.ts";
import { placementKey } from "../../provisioning/placement-spec.ts";
import { Rig } from "../../provisioning/testing/rig.ts";
import { ControllerRig, until } from "../testing/controllers.ts";
import { CloudLinks } from "../cloudapi/links.ts";
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
