import { Histogram, type Registry } from "@prometheus-io/client";

import type { CloudProgress, DeviceBatch } from "../../crds/index.ts";
import { type Condition, findCondition } from "../runtime/conditions.ts";
import { sampled, type SampledGauge } from "./sampled.ts";
import type { Sources } from "./sources.ts";

/** From seconds, for a small reel into a quick cloud, to days, for a million devices under a quota. */
const BIND_SECONDS = [1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 259_200, 604_800];

/** Tells of what people declared and how it stands, from the caches, when metrics are asked for. Leaders only. */
export function watchObjects(registry: Registry, sources: Sources): void {
  const { cluster, leads } = sources;
  const gauge = <L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
    read: SampledGauge<L>["read"],
  ): void => sampled(registry, { name, help, labels, read: () => (leads() ? read() : []) });
  gauge(
    "certferry_devices",
    "Devices of bound batches by CloudApi and state: provisioned, failed, pending, blocked, suspended (not in yet, and the cloud or batch is), leaving.",
    ["namespace", "cloudapi", "state"],
    function* () {
      for (const batch of cluster.batches.cache.list()) {
        const { namespace } = batch.metadata;
        for (const line of batch.status?.clouds ?? []) {
          const devices = isDeparture(batch, line) ? leavingOf(line) : devicesOf(line);
          for (const [state, count] of devices) {
            yield [{ namespace, cloudapi: line.name, state }, count];
          }
        }
      }
    },
  );
  gauge(
    "certferry_batches",
    "DeviceBatches by how they stand: ready, progressing, retrying or stalled, with the reason of their Ready condition.",
    ["namespace", "state", "reason"],
    function* () {
      for (const { metadata, status } of cluster.batches.cache.list()) {
        yield [{ namespace: metadata.namespace, ...standing(status?.conditions) }, 1];
      }
    },
  );
  gauge(
    "certferry_reels",
    "Reels by phase and by how they stand, with the reason of their Ready condition.",
    ["phase", "state", "reason"],
    function* () {
      for (const { status } of cluster.reels.cache.list()) {
        yield [{ phase: status?.phase ?? "Pending", ...standing(status?.conditions) }, 1];
      }
    },
  );
  gauge<string>(
    "certferry_manifest_rows_quarantined",
    "Entries of manifests that were refused, of all reels together.",
    [],
    () => {
      const counts = cluster.reels.cache.list().map(({ status }) => status?.quarantined?.count ?? 0);
      return [[{}, counts.reduce((all, count) => all + count, 0)]];
    },
  );
  gauge(
    "certferry_cloudapi_ready",
    "1 where a CloudApi's cloud answers, 0 where it does not, with the reason of its Ready condition.",
    ["namespace", "cloudapi", "type", "reason"],
    function* () {
      for (const { metadata, spec, status } of cluster.cloudApis.cache.list()) {
        const { state, reason } = standing(status?.conditions);
        const { namespace, name: cloudapi } = metadata;
        yield [{ namespace, cloudapi, type: spec.type, reason }, state === "ready" ? 1 : 0];
      }
    },
  );
  watchBinding(registry, sources);
}

/** Whether a batch's line is about a cloud that its devices are to leave: whatever holds that up. */
function isDeparture({ metadata, status }: DeviceBatch, { name }: CloudProgress): boolean {
  if (metadata.deletionTimestamp !== undefined) return true;
  // Of the same writing as the lines, which the batch's spec may be ahead of.
  return !(status?.cloudNames ?? "").split(", ").includes(name);
}

function* leavingOf({ provisioned = 0, failed = 0, pending = 0 }: CloudProgress): Iterable<[string, number]> {
  yield ["leaving", provisioned + pending];
  yield ["failed", failed];
}

/** Which devices of a batch's line about a declared cloud are in which state. */
function* devicesOf(line: CloudProgress): Iterable<[state: string, devices: number]> {
  const { state, provisioned = 0, failed = 0, pending = 0 } = line;
  yield ["provisioned", provisioned];
  yield ["failed", failed];
  const waiting = state === "Blocked" ? "blocked" : state === "Suspended" ? "suspended" : "pending";
  yield [waiting, pending];
}

/** The verdict that conditions came from, see `readiness`; `new` for an object that nobody has looked at yet. */
function standing(conditions: readonly Condition[] | undefined): { state: string; reason: string } {
  const ready = findCondition(conditions, "Ready");
  if (ready === undefined) return { state: "new", reason: "" };
  const { status, reason } = ready;
  if (status === "True") return { state: "ready", reason };
  if (status === "Unknown") return { state: "progressing", reason };
  return { state: findCondition(conditions, "Stalled") === undefined ? "retrying" : "stalled", reason };
}

/** Measures how long batches take from their binding, or from being wanted anew, until all devices are in. */
function watchBinding(registry: Registry, { cluster, leads, now }: Sources): void {
  const seconds = new Histogram({
    name: "certferry_bind_to_provisioned_seconds",
    help: "How long a batch took from its binding (or from when it was wanted in another cloud, or again) until every device was in every declared cloud.",
    buckets: BIND_SECONDS,
    registers: [registry],
  });
  const underWay = new Map<string, number>();
  cluster.batches.cache.onChange(({ object, previous, type }) => {
    const id = object.metadata.uid ?? "";
    const since = underWay.get(id);
    if (type === "deleted" || !isBound(object)) {
      underWay.delete(id);
    } else if (object.status?.provisionedAt === undefined) {
      // One that was in its clouds before is wanted anew since now; when this process began amid that, nobody knows.
      const again = previous !== undefined && isBound(previous);
      if (since === undefined) underWay.set(id, again ? now() : Date.parse(object.status?.boundAt ?? ""));
    } else if (since !== undefined) {
      underWay.delete(id);
      if (leads()) seconds.observe(Math.max(0, now() - since) / 1_000);
    } else if (previous !== undefined && !isBound(previous) && leads()) {
      // Bound and done between two looks.
      const { boundAt = "", provisionedAt } = object.status;
      seconds.observe(Math.max(0, Date.parse(provisionedAt) - Date.parse(boundAt)) / 1_000);
    }
  });
}

function isBound({ status }: DeviceBatch): boolean {
  return status?.boundAt !== undefined;
}
