import { expect, it } from "vitest";
import { CONFIG_MAP, NAMESPACE } from "../accounts/core-kinds.ts";
import type { ResourceKind } from "../runtime/objects.ts";
import { ControllerRig, until } from "./testing/controllers.ts";

it("keeps neither of a ConfigMap nor of any other object who wrote what, and of a ConfigMap no contents", async () => {
  using rig = await ControllerRig.start();
  const { configMaps, namespaces } = rig.cluster;
  const managedFields = [{ manager: "kubectl", operation: "Apply" }];
  const create = async (kind: ResourceKind, metadata: { namespace?: string; name: string }) =>
    await rig.api.resource(kind).create({
      apiVersion: "v1",
      kind: kind.kind,
      metadata: { ...metadata, labels: { of: "somebody" }, managedFields } as typeof metadata,
      ...(kind === CONFIG_MAP ? { data: { manifest: "a megabyte" } } : {}),
    });
  expect(await create(CONFIG_MAP, { namespace: "certferry-system", name: "m" })).toHaveProperty(
    "metadata.managedFields",
  );
  await create(NAMESPACE, { name: "acme" });
  await until(() => configMaps.cache.list().length === 1 && namespaces.cache.list().length === 1);
  for (const kept of [configMaps.cache.get("certferry-system/m"), namespaces.cache.get("acme")]) {
    expect(kept).toMatchObject({ metadata: { labels: { of: "somebody" } } });
    expect(kept).not.toHaveProperty("metadata.managedFields");
    expect(kept).not.toHaveProperty("data");
  }
});
