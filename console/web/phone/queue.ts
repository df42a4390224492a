import { signal } from "@preact/signals";
import type { Bound } from "../../actions/bind.ts";
import { Refused, at, post } from "../state/api.ts";
import { forgetSeen } from "./seen.ts";

/** A reel that is to be added, or was. Kept in this browser until it was seen to arrive. */
export interface Wanted {
  /** The request's own name: the server does a request once, however often it comes. */
  readonly request: string;
  readonly account: string;
  readonly batchId: string;
  readonly clouds: "automatic" | readonly string[];
  /** Who pressed Add. Nobody else's sign-in sends it. */
  readonly by: string;
  readonly at: number;
  readonly state: "queued" | "sent" | "refused";
  /** Of the DeviceBatch, once sent. */
  readonly name?: string;
  readonly why?: string;
}

/** Each has an entry of its own: two pages that are open at once write nothing over of each other's. */
const PREFIX = "certferry-queue:";
const MAX_KEPT = 50;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;
const LOCK = "certferry-queue";

/** What this browser would not keep (a private window, a full disk): it is here for as long as the page is. */
const unkept = new Map<string, Wanted>();

/** All that was added on this phone, the latest first. */
export const wanted = signal<readonly Wanted[]>(stored());

/** Whether it is still there when the page is opened anew. */
export function isKept({ request }: Wanted): boolean {
  return !unkept.has(request);
}

/** Whether it was sent by this person, who may be told how far it is. */
export function isTheirs({ by, name, state }: Wanted, person: string): boolean {
  return state === "sent" && by === person && name !== undefined;
}

function stored(): readonly Wanted[] {
  return [...unkept.values(), ...keys().flatMap((key) => read(key) ?? [])].sort((a, b) =>
    a.at === b.at ? (a.request < b.request ? -1 : 1) : b.at - a.at,
  );
}

function keys(): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  } catch {
    return [];
  }
}

function read(key: string): Wanted | undefined {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    return isWanted(kept) ? kept : undefined;
  } catch {
    return undefined;
  }
}

function isWanted(entry: unknown): entry is Wanted {
  return (
    typeof entry === "object" &&
    entry !== null &&
    "request" in entry &&
    "batchId" in entry &&
    "state" in entry
  );
}

function write(entry: Wanted): void {
  try {
    localStorage.setItem(PREFIX + entry.request, JSON.stringify(entry));
    unkept.delete(entry.request);
  } catch {
    unkept.set(entry.request, entry);
  }
}

function remove(request: string): void {
  unkept.delete(request);
  forgetSeen(request);
  try {
    localStorage.removeItem(PREFIX + request);
  } catch {
    // Then it was not kept either.
  }
}

export function add(entry: Omit<Wanted, "request" | "at" | "state">): void {
  // What was not sent is never let go of.
  const old = stored()
    .filter(({ state }) => state !== "queued")
    .slice(MAX_KEPT);
  for (const { request } of old) remove(request);
  write({ ...entry, request: crypto.randomUUID(), at: Date.now(), state: "queued" });
  wanted.value = stored();
}

export function forget(request: string): void {
  remove(request);
  wanted.value = stored();
}

function settle(request: string, outcome: Partial<Wanted>): void {
  const entry = unkept.get(request) ?? read(PREFIX + request);
  if (entry !== undefined) write({ ...entry, ...outcome });
  wanted.value = stored();
}

/**
 * Sends what is queued by this person, the oldest first, again and again until it has arrived or was refused.
 * @returns what ends that
 */
export function keepSending(person: string, onSignedOut: () => void): () => void {
  let over = false;
  let pause = FIRST_PAUSE_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const turn = async (): Promise<void> => {
    clearTimeout(timer);
    // One tab at a time; the server would know a request again, but why ask twice.
    const clear = await navigator.locks.request(LOCK, { ifAvailable: true }, async (lock) =>
      lock === null ? false : await sendAll(person, onSignedOut),
    );
    if (over) return;
    pause = clear ? FIRST_PAUSE_MS : Math.min(pause * 1.6, LONGEST_PAUSE_MS);
    clearTimeout(timer);
    timer = setTimeout(() => void turn(), pause);
  };
  const now = (): void => {
    pause = FIRST_PAUSE_MS;
    void turn();
  };
  const changed = (event: StorageEvent): void => {
    if (event.key === null || event.key.startsWith(PREFIX)) wanted.value = stored();
  };
  addEventListener("online", now);
  addEventListener("storage", changed);
  const unsubscribe = wanted.subscribe((entries) => {
    if (entries.some(({ by, state }) => state === "queued" && by === person)) now();
  });
  return () => {
    over = true;
    unsubscribe();
    clearTimeout(timer);
    removeEventListener("online", now);
    removeEventListener("storage", changed);
  };
}

/** @returns whether nothing is left to send */
async function sendAll(person: string, onSignedOut: () => void): Promise<boolean> {
  const mine = stored().filter(({ by, state }) => state === "queued" && by === person);
  for (const { account, batchId, clouds, request } of mine.reverse()) {
    try {
      const bound = await post<Bound>(at(account, "batches"), { batchId, clouds, from: "Phone", request });
      settle(request, { state: "sent", name: bound.name });
    } catch (error) {
      // A gateway or a portal on the way has no say in it: that is as good as no network.
      if (!(error instanceof Refused) || !error.isConsoles) return false;
      if (error.status === 401) {
        onSignedOut();
        return false;
      }
      // What the server could not do now it may do later; what it refuses it will always refuse.
      if (error.status === 429 || error.status >= 500) return false;
      settle(request, { state: "refused", why: error.message });
    }
  }
  return true;
}
