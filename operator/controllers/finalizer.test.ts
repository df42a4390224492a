import { expect, it } from "vitest";
import { FINALIZER } from "../../crds/index.ts";
import { setFinalizer } from "./finalizer.ts";
import { ControllerRig, until } from "./testing/controllers.ts";

it("is taken off what is gone already without a fault, and put on nothing that is gone", async () => {
  using rig = await ControllerRig.start();
  const { client, cache } = rig.cluster.batches;
  await rig.batch("acme", "b", "D1");
  await until(() => cache.list().length === 1);
  const [batch] = cache.list();
  if (batch === undefined) throw new Error("it is there");
  const { signal } = rig.context;
  const held = await setFinalizer(client, batch, true, signal);
  expect(held.metadata.finalizers).toEqual([FINALIZER]);
  const freed = await setFinalizer(client, held, false, signal);
  await client.delete({ namespace: "acme", name: "b" });
  expect(await setFinalizer(client, held, false, signal)).toBe(held);
  await expect(setFinalizer(client, freed, true, signal)).rejects.toMatchObject({ status: 404 });
});
