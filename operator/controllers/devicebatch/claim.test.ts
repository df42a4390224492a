import { expect, it } from "vitest";
import { systemClock } from "../../runtime/clock.ts";
import { ControllerRig, until } from "../testing/controllers.ts";
import { claim } from "./claim.ts";

it("a reel is taken up from a batch that was made anew for another reel", async () => {
  using rig = await ControllerRig.start();
  const { cluster } = rig;
  const inspector = { inspection: () => ({ state: "running" }) as const };
  await cluster.reels.client.create({
    apiVersion: "certferry.dev/v1alpha1",
    kind: "Reel",
    metadata: { name: "d1" },
    spec: { batchId: "D1", manifest: { file: { path: "d1" } } },
  });
  await rig.binding("d1", { batchId: "D1", batch: "first" });
  await rig.batch("acme", "first", "D2");
  const next = await rig.batch("acme", "next", "D1");
  await until(
    () => cluster.bindings.cache.get("d1") !== undefined && cluster.batches.cache.list().length === 2,
  );
  await until(() => cluster.reels.cache.get("d1") !== undefined);
  const { signal } = rig.context;
  const claimed = await claim(next, { cluster, inspector, clock: systemClock }, signal);
  expect(claimed).toMatchObject({ how: "takenUp", binding: { spec: { batch: "next" } } });
});
