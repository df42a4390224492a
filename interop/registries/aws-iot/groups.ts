import { createHash } from "node:crypto";
import type { IotApi } from "./api.ts";
import { unless } from "./failures.ts";
import { createTurns } from "./turns.ts";

/** A thing group for each batch. */
export interface BatchGroups {
  join(thing: string, batch: string, signal: AbortSignal): Promise<void>;
  leave(thing: string, batch: string, signal: AbortSignal): Promise<void>;
  /** Deletes the batch's group if nobody is left in it, and if it is one that was made here. */
  clear(batch: string, signal: AbortSignal): Promise<void>;
}

/** Names of thing groups are as long as this at most, and made of letters, digits, `:`, `_` and `-`. */
const LONGEST = 128;

export function createBatchGroups(api: IotApi, prefix: string): BatchGroups {
  const made = new Set<string>();
  const turns = createTurns();

  /** Once, however many devices wait for it. */
  function make(name: string, batch: string, signal: AbortSignal): Promise<void> {
    return turns(name, signal, async () => {
      if (made.has(name)) return;
      // The same request again is answered as the first; another one's group of the name will do, too.
      await unless("ResourceAlreadyExistsException", api.createThingGroup(name, { batch }, signal));
      made.add(name);
    });
  }

  return {
    async join(thing, batch, signal) {
      const name = groupName(prefix, batch);
      await make(name, batch, signal);
      const joined = await unless("ResourceNotFoundException", api.addThingToGroup(thing, name, signal));
      if (joined !== undefined) return;
      // Somebody has deleted the group since it was made: or the thing, which the second try tells.
      made.delete(name);
      await make(name, batch, signal);
      await api.addThingToGroup(thing, name, signal);
    },
    async clear(batch, signal) {
      const name = groupName(prefix, batch);
      if ((await unless("ResourceNotFoundException", api.hasThings(name, signal))) !== false) return;
      const group = await unless("ResourceNotFoundException", api.describeThingGroup(name, signal));
      if (group?.attributes["batch"] !== batch) return;
      made.delete(name);
      // Changed since: whoever did that has a use for it.
      await unless("VersionConflictException", api.deleteThingGroup(name, group.version, signal));
    },
    async leave(thing, batch, signal) {
      await unless(
        "ResourceNotFoundException",
        api.removeThingFromGroup(thing, groupName(prefix, batch), signal),
      );
    },
  };
}

/** A batch whose ID cannot stand in a name as it is gets a name that no other batch has. */
export function groupName(prefix: string, batch: string): string {
  const plain = prefix + batch;
  if (plain.length <= LONGEST && /^[a-zA-Z0-9:_-]+$/.test(plain)) return plain;
  const mark = `-${createHash("sha256").update(batch).digest("hex").slice(0, 12)}`;
  return plain.replaceAll(/[^a-zA-Z0-9:_-]/g, "_").slice(0, LONGEST - mark.length) + mark;
}
