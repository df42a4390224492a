import type { KubeObject } from "./objects.ts";

/** Different texts of which one copy each is shared. */
const SHARED = 4_000;
/** Longer ones are rarely the same. */
const MAX_SHARED_CHARACTERS = 200;

/**
 * For `InformerOptions.transform`: keeps of an object what an operator reads. Who wrote which member (`managedFields`)
 * takes more than all the rest together; and of texts that thousands of objects have alike (kinds, reasons, messages,
 * digests of one manifest) one copy is kept. An update without `managedFields` leaves the server's as they are.
 * @returns a function for the objects of one cache; it changes the object that it is given, and returns it
 */
export function compacting(): <T extends KubeObject>(object: T) => T {
  const shared = new Map<string, string>();
  const share = (text: string): string => {
    if (text.length > MAX_SHARED_CHARACTERS) return text;
    const known = shared.get(text);
    if (known !== undefined) return known;
    // One that is met again and again is soon there again: a second copy for each few hundred objects costs nothing.
    if (shared.size >= SHARED) shared.clear();
    shared.set(text, text);
    return text;
  };
  return (object) => {
    const { managedFields: _, ...metadata } = object.metadata as KubeObject["metadata"] & {
      managedFields?: unknown;
    };
    object.metadata = metadata;
    shareWithin(object, share);
    return object;
  };
}

function shareWithin(value: object, share: (text: string) => string): void {
  const members = value as Record<string, unknown>;
  for (const [name, member] of Object.entries(members)) {
    if (typeof member === "string") members[name] = share(member);
    else if (typeof member === "object" && member !== null) shareWithin(member, share);
  }
}
