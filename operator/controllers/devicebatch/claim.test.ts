import { expect, it } from "vitest";
import { kinds, type ReelBinding } from "../../../crds/index.ts";
import { systemClock } from "../../runtime/clock.ts";
import { ApiError } from "../../runtime/api-error.ts";
import type { Inspection } from "../reel/inspector.ts";
import { ControllerRig, SHA, until } from "../testing/controllers.ts";
import { MemoryKind } from "../testing/memory-api.ts";
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

/** Bindings that are there when they should be made, and gone when they are looked at. */
class RestlessBindings extends MemoryKind<ReelBinding> {
  override create(): Promise<ReelBinding> {
    return Promise.reject(new ApiError("it is there", { status: 409, reason: "AlreadyExists" }));
  }
}

it("a reel whose binding comes and goes is not called contested", async () => {
  using rig = await ControllerRig.start();
  const { reels, bindings } = rig.cluster;
  await reels.client.create({
    apiVersion: "certferry.dev/v1alpha1",
    kind: "Reel",
    metadata: { name: "d1" },
    spec: { batchId: "D1", manifest: { file: { path: "d1" } } },
  });
  const batch = await rig.batch("acme", "first", "D1");
  await until(() => reels.cache.get("d1") !== undefined);
  const ready: Inspection = {
    state: "ready",
    evaluatedAt: new Date(),
    summary: {
      sha256: SHA,
      records: 1,
      devices: 1,
      refused: 0,
      firstRefused: [],
      issuers: [],
      keyTypes: [],
      format: "CloudIdCsv",
      collidingSerials: new Set(),
    },
  };
  const client = new RestlessBindings(kinds.ReelBinding, rig.api);
  const deps = {
    cluster: { ...rig.cluster, bindings: { cache: bindings.cache, client } },
    inspector: { inspection: () => ready },
    clock: systemClock,
  };
  const claimed = await claim(batch, deps, rig.context.signal);
  expect(claimed).toMatchObject({ do: "progress", reason: "BindingChanging" });
});
