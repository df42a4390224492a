import { eventually } from "../../../tools/cluster/eventually.ts";
import type { KubeClient } from "../client.ts";
import type { Condition } from "../conditions.ts";
import { isConditionTrue } from "../conditions.ts";
import type { KubeObject, ResourceKind } from "../objects.ts";

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

export const CONFIG_MAP: ResourceKind = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

/** A custom resource with a status, to try things with. */
export interface Widget extends KubeObject {
  spec: { size: number };
  status?: { size?: number; note?: string; conditions?: Condition[] };
}

export const WIDGET: ResourceKind = {
  group: "runtime.test",
  version: "v1",
  plural: "widgets",
  kind: "Widget",
  namespaced: false,
};

const CRD: ResourceKind = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

interface Definition extends KubeObject {
  spec: unknown;
  status?: { conditions?: Condition[] };
}

export function configMap(name: string, data: Record<string, string> = {}, namespace = "default"): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name }, data };
}

export function widget(name: string, size = 1): Widget {
  return { apiVersion: "runtime.test/v1", kind: "Widget", metadata: { name }, spec: { size } };
}

/** Makes the server know Widgets, and waits until it serves them. */
export async function installWidgets(client: KubeClient): Promise<void> {
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec: open, status: open } } };
  const definitions = client.resource<Definition>(CRD);
  await definitions.create({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.runtime.test" },
    spec: {
      group: "runtime.test",
      scope: "Cluster",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
      versions: [{ name: "v1", served: true, storage: true, schema, subresources: { status: {} } }],
    },
  });
  await eventually(
    async (signal) => {
      const { status } = await definitions.get({ name: "widgets.runtime.test" }, signal);
      if (!isConditionTrue(status?.conditions, "Established")) return false;
      await client.resource<Widget>(WIDGET).list({}, signal);
      return true;
    },
    { what: "Widgets are served" },
  );
}
