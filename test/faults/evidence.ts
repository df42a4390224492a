import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Audit } from "./audit.ts";
import type { Ground } from "./ground.ts";
import type { Inventory } from "./inventory.ts";
import type { Suspect } from "./judge.ts";
import type { Operators } from "./operators.ts";

/** Something that took place, for people. */
export interface Happening {
  /** Epoch ms. */
  readonly at: number;
  readonly what: string;
}

const SHOWN = 3;

/** Lays what a run left behind into a folder: the last lines of each operator, the audit log and all objects. */
export async function keep(
  folder: string,
  { ground, operators, inventory }: { ground: Ground; operators: Operators; inventory: Inventory },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, process } of operators.lives) {
    const lines = process.logs().map((entry) => JSON.stringify(entry));
    await writeFile(join(folder, `${name}.log`), `${lines.join("\n")}\n`);
  }
  await cp(ground.audit.log, join(folder, "audit.log")).catch(() => undefined);
  await writeFile(join(folder, "objects.json"), JSON.stringify(inventory, null, 1));
}

/** What happened to some of the devices that are not where they should be, in the order in which it did. */
export async function evidence(
  suspects: readonly Suspect[],
  {
    ground,
    operators,
    happenings,
  }: { ground: Ground; operators: Operators; happenings: readonly Happening[] },
): Promise<string[]> {
  const writes = await ground.audit.writes();
  // One of each cloud is enough: the others mostly went the same way.
  const first = new Map(suspects.map((suspect) => [`${suspect.cloud.target} ${suspect.reel}`, suspect]));
  return [...first.values()].slice(0, SHOWN).map((suspect) => {
    const all = [
      ...requestsFor(suspect),
      ...writesFor(suspect, writes),
      ...livesOf(operators),
      ...happenings,
    ].sort((a, b) => a.at - b.at);
    const began = all[0]?.at ?? 0;
    const lines = all.map(({ at, what }) => `${((at - began) / 1_000).toFixed(3).padStart(8)} s  ${what}`);
    return [`what happened to ${suspect.ref} of ${suspect.reel}:`, ...lines].join("\n    ");
  });
}

function requestsFor({ cloud: { cloud, plan }, ref }: Suspect): Happening[] {
  return cloud.received.requests
    .filter(({ refs }) => refs.includes(ref))
    .map(({ at, action, refs, status, troubles }) => ({
      at,
      what: `${plan.account}/${plan.name} was asked to ${action} it and ${refs.length - 1} others: answered ${status}${troubles.length === 0 ? "" : ` (${troubles.join(", ")})`}`,
    }));
}

function writesFor({ reel }: Suspect, writes: Awaited<ReturnType<Audit["writes"]>>): Happening[] {
  const name = reel.toLowerCase();
  return writes
    .filter(
      ({ what }) => what.includes(` ${name}.`) || what.endsWith(` ${name}`) || what.endsWith(`-${name}`),
    )
    .map(({ at, by, what }) => ({ at, what: `${by}: ${what}` }));
}

function livesOf({ lives }: Operators): Happening[] {
  return lives.flatMap(({ name, led, standstills, ordered, ending, endedAt }) => [
    ...led.map((at) => ({ at, what: `${name} leads` })),
    ...standstills.flatMap(({ from, to }) => [
      { at: from, what: `${name} stands still` },
      { at: to, what: `${name} goes on` },
    ]),
    ...(ending === undefined ? [] : [{ at: endedAt, what: `${name} ended (${ordered ?? "by itself"})` }]),
  ]);
}
