import type { KubeObject } from "../../operator/runtime/objects.ts";
import type { ResourceClient } from "../../operator/runtime/client.ts";
import { eventually } from "../harness/index.ts";
import type { Ground } from "./ground.ts";
import { judge } from "./judge.ts";
import { persist } from "./persist.ts";
import type { Person } from "./person.ts";
import { settle } from "./settle.ts";

const GONE_MS = 60_000;

/**
 * Deletes everything that people and the operator made, in the order that the documentation gives: batches, then
 * bindings, reels and accounts. Nothing may be held up, and where a batch said Deprovision nobody may be left.
 */
export async function clearAway(ground: Ground, person: Person, deadline: number): Promise<string[]> {
  const { field } = ground;
  const violations: string[] = [];
  await removeAll(field.batches);
  const settled = await settle(ground, person, deadline);
  violations.push(...settled.open.map((what) => `after all batches were deleted: ${what}`));
  const { violations: found } = judge(settled.inventory, ground);
  violations.push(...found.map((what) => `after all batches were deleted: ${what}`));
  await removeAll(field.bindings);
  await removeAll(field.reels);
  for (const name of ground.schedule.accounts)
    await persist(`delete ${name}`, () => field.namespaces.delete({ name }));
  const accounts = new Set(ground.schedule.accounts);
  const left = async (): Promise<string[]> => {
    const [reels, bindings, ledgers, namespaces] = await Promise.all([
      field.reels.list(),
      field.bindings.list(),
      field.ledgers.list(),
      field.namespaces.list(),
    ]);
    const gone: KubeObject[] = [...reels.items, ...bindings.items, ...ledgers.items];
    gone.push(...namespaces.items.filter(({ metadata }) => accounts.has(metadata.name)));
    return gone.map(
      ({ kind, metadata }) => `${kind} ${metadata.name} (${metadata.finalizers?.join() ?? ""})`,
    );
  };
  try {
    await eventually(async () => (await left()).length === 0, { deadline: GONE_MS });
  } catch {
    violations.push(
      ...(await left()).map((what) => `deleted ${GONE_MS / 1_000} s ago and still there: ${what}`),
    );
  }
  return violations;
}

async function removeAll<T extends KubeObject>(client: ResourceClient<T>): Promise<void> {
  const { items } = await client.list();
  for (const { metadata } of items) {
    const { name, namespace } = metadata;
    await persist(`delete ${name}`, () =>
      client.delete(namespace === undefined ? { name } : { namespace, name }),
    );
  }
}
