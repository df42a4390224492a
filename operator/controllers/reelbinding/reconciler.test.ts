import { describe, expect, it } from "vitest";
import { ControllerRig, until } from "../testing/controllers.ts";
import { ReelBindingReconciler } from "./reconciler.ts";

const free = { withdrawReel: () => true };
const label = { "certferry.dev/reel": "d1" };

describe("a binding", () => {
  it("is not freed from a vanished batch before nothing more is sent for it", async () => {
    using rig = await ControllerRig.start();
    const { bindings } = rig.cluster;
    await rig.binding("d1", { batch: "gone" });
    await until(() => bindings.cache.get("d1") !== undefined);
    const ferry = { sending: true, withdrawReel: () => !ferry.sending };
    const reconciler = new ReelBindingReconciler({ cluster: rig.cluster, ferry, events: rig.events });
    expect(await reconciler.reconcile("d1", rig.context)).toEqual({ requeueAfterMs: 1_000 });
    expect((await bindings.client.get({ name: "d1" })).spec.batch).toBe("gone");
    ferry.sending = false;
    expect(await reconciler.reconcile("d1", rig.context)).toBeUndefined();
    expect((await bindings.client.get({ name: "d1" })).spec.batch).toBeUndefined();
  });

  it("is not held by a batch of its holder's name that is for another reel", async () => {
    using rig = await ControllerRig.start();
    const { bindings, batches } = rig.cluster;
    await rig.binding("d1", { batch: "mine" });
    await rig.batch("acme", "mine", "D2");
    await until(() => bindings.cache.get("d1") !== undefined && batches.cache.get("acme/mine") !== undefined);
    const reconciler = new ReelBindingReconciler({ cluster: rig.cluster, ferry: free, events: rig.events });
    await reconciler.reconcile("d1", rig.context);
    expect((await bindings.client.get({ name: "d1" })).spec.batch).toBeUndefined();
    await bindings.client.update({
      ...(await bindings.client.get({ name: "d1" })),
      spec: { ...(await bindings.client.get({ name: "d1" })).spec, batch: "mine" },
    });
    await bindings.client.delete({ name: "d1" });
    await until(() => bindings.cache.get("d1")?.metadata.deletionTimestamp !== undefined);
    await reconciler.reconcile("d1", rig.context);
    expect(await bindings.client.find({ name: "d1" })).toBeUndefined();
  });

  it("goes with all its ledgers, whether they bear labels or not", async () => {
    using rig = await ControllerRig.start();
    const { bindings, ledgers } = rig.cluster;
    await rig.binding("d1", {});
    await rig.ledger("d1-a", "d1", label);
    await rig.ledger("d1-b", "d1", {});
    await rig.ledger("d2-a", "d2", {});
    await until(() => ledgers.cache.list().length === 3 && bindings.cache.get("d1") !== undefined);
    await bindings.client.delete({ name: "d1" });
    await until(() => bindings.cache.get("d1")?.metadata.deletionTimestamp !== undefined);
    const reconciler = new ReelBindingReconciler({ cluster: rig.cluster, ferry: free, events: rig.events });
    await reconciler.reconcile("d1", rig.context);
    await until(() => ledgers.cache.byIndex("reel", "d1").length === 0);
    await reconciler.reconcile("d1", rig.context);
    expect(await bindings.client.find({ name: "d1" })).toBeUndefined();
    expect((await ledgers.client.list()).items.map(({ metadata }) => metadata.name)).toEqual(["d2-a"]);
  });

  it("of an account that is not served is neither freed from its batch nor let go with it", async () => {
    using rig = await ControllerRig.start({ namespaces: ["globex"] });
    const { bindings, ledgers } = rig.cluster;
    await rig.binding("d1", { batch: "unseen" });
    await rig.ledger("d1-a", "d1", label);
    await until(() => bindings.cache.get("d1") !== undefined && ledgers.cache.get("d1-a") !== undefined);
    const reconciler = new ReelBindingReconciler({ cluster: rig.cluster, ferry: free, events: rig.events });
    await reconciler.reconcile("d1", rig.context);
    expect((await bindings.client.get({ name: "d1" })).spec.batch).toBe("unseen");
    await bindings.client.delete({ name: "d1" });
    await until(() => bindings.cache.get("d1")?.metadata.deletionTimestamp !== undefined);
    await reconciler.reconcile("d1", rig.context);
    expect(await bindings.client.find({ name: "d1" })).toBeDefined();
    expect(await ledgers.client.find({ name: "d1-a" })).toBeDefined();
    expect(rig.told.map(({ reason }) => reason)).toEqual(["AccountNotServed"]);
  });
});
