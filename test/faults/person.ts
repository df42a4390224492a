import { setTimeout as sleep } from "node:timers/promises";
import type { DeviceBatch } from "../../crds/index.ts";
import { PROVISION_REQUESTED_AT } from "../../crds/index.ts";
import { isFailed } from "../../operator/provisioning/ledger/states.ts";
import { type Ground, isWelcome } from "./ground.ts";
import {
  conditionOf,
  type Inventory,
  ledgerOf,
  reelName,
  statesOf,
  takeInventory,
  userOf,
} from "./inventory.ts";

const AGAIN_AFTER_MS = 6_000;
const LOOK_EVERY_MS = 1_000;

/** Who looks after things once nothing goes wrong any more, and does what the statuses say is a person's to do. */
export class Person {
  /** What was done, and how often. */
  readonly deeds = new Map<string, number>();
  readonly #ground: Ground;
  readonly #asked = new Map<string, number>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Looks again and again until something has come to its end. */
  async lookUntil(end: Promise<unknown>): Promise<void> {
    const ended = new AbortController();
    const looking = (async () => {
      while (!ended.signal.aborted) {
        const inventory = await takeInventory(this.#ground.field).catch(() => undefined);
        if (inventory !== undefined) await this.look(inventory);
        await sleep(LOOK_EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined);
      }
    })();
    try {
      await end;
    } finally {
      ended.abort();
      await looking;
    }
  }

  async look(inventory: Inventory): Promise<void> {
    for (const batch of inventory.batches) {
      const reason = conditionOf(batch, "Ready")?.reason;
      if (reason === "DeprovisionUnsupported" && batch.spec.deletionPolicy === "Deprovision")
        await this.#retain(batch);
      if (reason === "DevicesFailed" && failedInVain(batch, inventory, this.#ground))
        await this.#again(batch);
      if (reason === "Contested") await this.#reserve(batch, inventory);
    }
  }

  /** The devices of a cloud that can take none out were taken out there, say. */
  async #retain({ metadata }: DeviceBatch): Promise<void> {
    this.#note("deletionPolicy set to Retain");
    await this.#patchBatch(metadata, { spec: { deletionPolicy: "Retain" } });
  }

  async #again({ metadata }: DeviceBatch): Promise<void> {
    const key = `${metadata.namespace}/${metadata.name}`;
    const now = Date.now();
    if (now - (this.#asked.get(key) ?? 0) < AGAIN_AFTER_MS) return;
    this.#asked.set(key, now);
    this.#note("provision now");
    const annotations = { [PROVISION_REQUESTED_AT]: new Date(now).toISOString() };
    await this.#patchBatch(metadata, { metadata: { annotations } });
  }

  async #reserve(batch: DeviceBatch, { batches }: Inventory): Promise<void> {
    const name = reelName(batch.spec.batchId);
    const [first] = batches
      .filter(({ spec }) => reelName(spec.batchId) === name)
      .map(({ metadata }) => metadata.namespace)
      .sort();
    this.#note("reel reserved");
    const spec = { reservedFor: { namespace: first } };
    await this.#ground.field.reels.patch({ name }, { spec }).catch(() => undefined);
  }

  async #patchBatch({ namespace, name }: DeviceBatch["metadata"], patch: object): Promise<void> {
    await this.#ground.field.batches.patch({ namespace, name }, patch).catch(() => undefined);
  }

  #note(what: string): void {
    this.deeds.set(what, (this.deeds.get(what) ?? 0) + 1);
  }
}

/** Whether devices failed that nothing is wrong with, and that their cloud would let in. */
export function failedInVain(batch: DeviceBatch, inventory: Inventory, ground: Ground): boolean {
  const name = reelName(batch.spec.batchId);
  const reel = ground.reels.get(batch.spec.batchId);
  const binding = inventory.bindings.find(({ metadata }) => metadata.name === name);
  if (reel === undefined || binding === undefined || userOf(binding, inventory) !== batch) return false;
  return (batch.spec.cloudApis ?? []).some(({ name: cloudApi }) => {
    const { target, plan } = ground.cloudOf(batch.metadata.namespace, cloudApi);
    const states = statesOf(ledgerOf(name, target, inventory));
    return reel.devices.some(
      (device, position) => isWelcome(device, position, plan) && isFailed(states[position] ?? 0),
    );
  });
}
