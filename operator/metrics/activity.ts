import type { Registry } from "@prometheus-io/client";

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
    help: "Seconds since a cloud told of that batch of which it told longest ago, by CloudApi. Only clouds that tell.",
    labels: ["namespace", "cloudapi"],
    *read() {
      const byCloud = Map.groupBy(told(), ({ namespace, name }) => `${namespace}/${name}`);
      for (const [first, ...others] of byCloud.values()) {
        if (first === undefined) continue;
        const times = [first, ...others].map(({ activity }) => Date.parse(activity.toldAt));
        const { namespace, name: cloudapi } = first;
        yield [{ namespace, cloudapi }, Math.max(0, now() - Math.min(...times)) / 1_000];
      }
    },
  });

  function* told() {
    if (!leads()) return;
    for (const { metadata, status } of cluster.batches.cache.list()) {
      for (const { name, activity } of status?.clouds ?? []) {
        if (activity !== undefined) yield { namespace: metadata.namespace, name, activity };
      }
    }
  }
}
