import { describe, expect, it } from "vitest";
import { generateSigningKey } from "../../../interop/trust/signing-key.ts";
import { SigningKeyMissing } from "../../accounts/signing-keys.ts";
import { CloudLinks } from "../cloudapi/links.ts";
import { ControllerRig, until } from "../testing/controllers.ts";
import { AccountReconciler } from "./reconciler.ts";

async function account(rig: ControllerRig, name: string, labels: Record<string, string>): Promise<void> {
  const { namespaces } = rig.cluster;
  await namespaces.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  await until(() => namespaces.cache.get(name) !== undefined);
}

describe("an account", () => {
  it("has its clouds asked anew when its key is lost, found again or replaced, and not otherwise", async () => {
    using rig = await ControllerRig.start();
    await account(rig, "acme", { "certferry.dev/account": "true" });
    const [first, second] = [await generateSigningKey(), await generateSigningKey()];
    let key: typeof first | undefined = first;
    const changed: string[] = [];
    const reconciler = new AccountReconciler({
      cluster: rig.cluster,
      keys: {
        ensure: () =>
          key === undefined ? Promise.reject(new SigningKeyMissing("it is gone")) : Promise.resolve(key),
        promote: () => Promise.reject(new Error("nothing is rotated here")),
      },
      links: new CloudLinks(),
      events: rig.events,
      keyChanged: (name) => changed.push(name),
    });
    const changes = async (now: typeof key): Promise<number> => {
      key = now;
      changed.length = 0;
      await reconciler.reconcile("acme", rig.context);
      return changed.length;
    };
    expect(await changes(first)).toBe(0);
    expect(await changes(first)).toBe(0);
    expect(await changes(undefined)).toBe(1);
    expect(await changes(undefined)).toBe(0);
    expect(await changes(first)).toBe(1);
    expect(await changes(second)).toBe(1);
    expect(await changes(second)).toBe(0);
  });

  it("is a namespace that is labelled or has something of Certferry's, and no other", async () => {
    using rig = await ControllerRig.start();
    await account(rig, "labelled", { "certferry.dev/account": "true" });
    await account(rig, "batches", {});
    await account(rig, "other", { "certferry.dev/account": "false" });
    await rig.batch("batches", "b", "D1");
    await until(() => rig.cluster.batches.cache.list().length === 1);
    const ensured: string[] = [];
    const key = await generateSigningKey();
    const reconciler = new AccountReconciler({
      cluster: rig.cluster,
      keys: {
        ensure: (name) => (ensured.push(name), Promise.resolve(key)),
        promote: () => Promise.reject(new Error("nothing is rotated here")),
      },
      links: new CloudLinks(),
      events: rig.events,
      keyChanged: () => undefined,
    });
    for (const name of ["labelled", "batches", "other", "none"])
      await reconciler.reconcile(name, rig.context);
    expect(ensured).toEqual(["labelled", "batches"]);
  });
});
