import type { DeviceBatch } from "../../../crds/index.ts";
import type { KubeObject } from "../../../operator/runtime/objects.ts";
import { ACCOUNT, type Ground } from "./ground.ts";

const WORKERS = 24;
/** All of one length, so that each is as large as the first. */
const TEMPLATE = nameOf(0);

/** Where the first batch is bound to. */
const CLOUD = "cloud";

type WithStatus = KubeObject & { status?: { observedGeneration?: number } };

/** Has the first batch of a herd bound and provisioned in earnest; an operator must be running. */
export async function raiseFirst(ground: Ground, deadline: number): Promise<void> {
  await ground.cloud(CLOUD);
  const reel = await ground.manifest(TEMPLATE, 10);
  await ground.bind(reel, [CLOUD]);
  await ground.ready(reel, deadline);
}

/**
 * Makes `count` more batches that are provisioned already, with reel, binding and ledger: what the operator wrote of
 * the first is written under other names. To have an operator bind and provision each would come to the same
 * objects, and take an hour.
 */
export async function multiply(ground: Ground, count: number): Promise<void> {
  const { reels, batches, bindings, ledgers } = ground.field;
  const name = TEMPLATE.toLowerCase();
  const reel = await reels.get({ name });
  const batch = await batches.get({ namespace: ACCOUNT, name });
  const binding = await bindings.get({ name });
  const { items } = await ledgers.list({ labelSelector: `certferry.dev/reel=${name}` });
  let next = 1;
  const work = async (): Promise<void> => {
    for (let at = next; at <= count; at = next) {
      next += 1;
      const madeReel = await reels.create(copyOf(reel, at));
      await reels.updateStatus(withStatusOf(copyOf(reel, at), madeReel));
      const madeBatch = await batches.create(copyOf(batch, at));
      await batches.updateStatus(withStatusOf(copyOf(batch, at), madeBatch));
      await bindings.create(copyOf(binding, at, [uidOf(batch), uidOf(madeBatch)]));
      for (const ledger of items) await ledgers.create(copyOf(ledger, at));
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

function nameOf(at: number): string {
  return `IDLE${String(at).padStart(6, "0")}`;
}

function uidOf({ metadata }: DeviceBatch): string {
  return metadata.uid ?? "";
}

/** The same object of another batch, as it would be created. */
function copyOf<T extends KubeObject>(object: T, at: number, uids?: readonly [from: string, to: string]): T {
  const { name, namespace, labels, annotations, finalizers } = object.metadata;
  const metadata = { name, namespace, labels, annotations, finalizers };
  const text = JSON.stringify({ ...object, metadata })
    .replaceAll(TEMPLATE, nameOf(at))
    .replaceAll(TEMPLATE.toLowerCase(), nameOf(at).toLowerCase());
  return JSON.parse(uids === undefined ? text : text.replaceAll(uids[0], uids[1])) as T;
}

function withStatusOf<T extends WithStatus>(copy: T, made: T): T {
  const generation = made.metadata.generation ?? 1;
  return { ...made, status: { ...copy.status, observedGeneration: generation } };
}
