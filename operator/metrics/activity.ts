import type { Registry } from "@prometheus-io/client";

import type { CloudApi } from "../../crds/index.ts";
import { keyOf } from "../runtime/objects.ts";
import { sampled } from "./sampled.ts";
import type { Sources } from "./sources.ts";

/** Tells how devices stand in their clouds, as these told when they were last asked. Leaders only. */
export function watchActivity(registry: Registry, { cluster, leads, now }: Sources): void {
  sampled(registry, {
    name: "certferry_activity_devices",
    help: "Devices that clouds were last asked about, by CloudApi and result: asked; active, those of them that the cloud knows and lets in; differing, those that are not as they were left there. Only clouds that tell.",
    labels: ["namespace", "cloudapi", "result"],
    *read() {
      for (const { namespace, name: cloudapi, activity } of told()) {
        const { asked, active, differing } = activity;
        for (const [result, devices] of Object.entries({ asked, active, differing })) {
          yield [{ namespace, cloudapi, result }, devices];
        }
      }
    },
  });
  sampled(registry, {
    name: "certferry_activity_oldest_seconds",
    help: "Seconds since a cloud told of that batch of which it told longest ago, or since it had the devices of one of which it never told, by CloudApi. Only clouds that tell.",
    labels: ["namespace", "cloudapi"],
    *read() {
      const oldest = new Map<string, { namespace: string; cloudapi: string; at: number }>();
      for (const { namespace, name: cloudapi, at } of lastTold()) {
        const key = `${namespace}/${cloudapi}`;
        const known = oldest.get(key);
        if (known === undefined || at < known.at) oldest.set(key, { namespace, cloudapi, at });
      }
      for (const { namespace, cloudapi, at } of oldest.values()) {
        yield [{ namespace, cloudapi }, Math.max(0, now() - at) / 1_000];
      }
    },
  });

  /** A cloud that can tell and never did is the one to know of. */
  function* lastTold() {
    if (!leads()) return;
    const able = new Set(cluster.cloudApis.cache.list().filter(tells).map(keyOf));
    for (const { metadata, status } of cluster.batches.cache.list()) {
      const { namespace } = metadata;
      for (const { name, activity, provisionedAt } of status?.clouds ?? []) {
        const since = activity?.toldAt ?? (able.has(`${namespace}/${name}`) ? provisionedAt : undefined);
        if (since !== undefined) yield { namespace, name, at: Date.parse(since) };
      }
    }
  }

  function* told() {
    if (!leads()) return;
    for (const { metadata, status } of cluster.batches.cache.list()) {
      for (const { name, activity } of status?.clouds ?? []) {
        if (activity !== undefined) yield { namespace: metadata.namespace, name, activity };
      }
    }
  }
}

function tells({ status }: CloudApi): boolean {
  return status?.capabilities?.includes("status") === true;
}
