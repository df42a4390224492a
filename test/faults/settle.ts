import { setTimeout as sleep } from "node:timers/promises";
import type { DeviceBatch } from "../../crds/index.ts";
import type { Ground } from "./ground.ts";
import { conditionOf, type Inventory, takeInventory, versionsOf } from "./inventory.ts";
import { wrongCount } from "./judge.ts";
import { failedInVain, type Person } from "./person.ts";

const LOOK_EVERY_MS = 500;
/** For so long nothing may be written before it counts as settled: twice what a status waits for at most. */
const STILL_MS = 2_500;

/** Verdicts on a batch without a reel that stay until somebody does something. */
const UNBOUND_FOR_NOW = new Set(["AlreadyBound", "Reserved"]);

export interface Settled {
  readonly inventory: Inventory;
  readonly ms: number;
  /** What is not as it should come to be; nothing when all is settled. */
  readonly open: readonly string[];
}

/** Waits until everything has come to rest, or the deadline (ms) passes. */
export async function settle(ground: Ground, person: Person, deadline: number): Promise<Settled> {
  const started = performance.now();
  let versions = "";
  let since = started;
  for (;;) {
    const now = performance.now();
    const inventory = await takeInventory(ground.field).catch(() => undefined);
    const open = inventory === undefined ? ["the API server does not answer"] : unsettled(inventory, ground);
    if (inventory !== undefined) {
      await person.look(inventory);
      const before = versions;
      versions = versionsOf(inventory);
      if (versions !== before || open.length > 0) since = now;
      if (now - since >= STILL_MS) return { inventory, ms: now - started, open: [] };
      if (now - started > deadline) {
        return {
          inventory,
          ms: now - started,
          open: open.length > 0 ? open : ["objects are written again and again"],
        };
      }
    } else if (now - started > 2 * deadline) {
      throw new Error("the API server did not come back");
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** What is still under way, or stuck. */
export function unsettled(inventory: Inventory, ground: Ground): string[] {
  const open: string[] = [];
  for (const kind of Object.values(inventory)) {
    for (const { kind: what, metadata } of kind) {
      if (metadata.deletionTimestamp === undefined) continue;
      open.push(
        `${what} ${metadata.namespace ?? ""}/${metadata.name} is being deleted (${metadata.finalizers?.join()})`,
      );
    }
  }
  for (const batch of inventory.batches) {
    const why = openBatch(batch, inventory, ground);
    if (why !== undefined) open.push(`batch ${batch.metadata.namespace}/${batch.metadata.name}: ${why}`);
  }
  for (const api of inventory.apis) {
    const ready = conditionOf(api, "Ready");
    const current = api.status?.observedGeneration === api.metadata.generation;
    const name = `CloudApi ${api.metadata.namespace}/${api.metadata.name}`;
    if (ready?.status !== "True" || !current) open.push(`${name}: ${ready?.reason} ${ready?.message}`);
    // It follows the ledgers some seconds later.
    const why = wrongCount(api, inventory, ground);
    if (why !== undefined) open.push(`${name}: ${why}`);
  }
  return open;
}

function openBatch(batch: DeviceBatch, inventory: Inventory, ground: Ground): string | undefined {
  const bound = conditionOf(batch, "Bound");
  const ready = conditionOf(batch, "Ready");
  const told = `${ready?.reason}: ${ready?.message}`;
  if (batch.status?.observedGeneration !== batch.metadata.generation) return `not looked at; ${told}`;
  if (bound?.status !== "True") return UNBOUND_FOR_NOW.has(bound?.reason ?? "") ? undefined : told;
  if (ready?.status === "True") return undefined;
  return ready?.reason === "DevicesFailed" && !failedInVain(batch, inventory, ground) ? undefined : told;
}
