import { signal } from "@preact/signals";
import type { Bound } from "../../actions/bind.ts";
import { Refused, at, post } from "../state/api.ts";

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

const KEY = "certferry-queue";
const MAX_KEPT = 50;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;
const LOCK = "certferry-queue";

/** All that was added on this phone, the latest first. */
export const wanted = signal<readonly Wanted[]>(stored());

function stored(): readonly Wanted[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isWanted) : [];
  } catch {
    return [];
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

/** Another tab may have changed it meanwhile, so the change is made to what is stored. */
function change(edit: (kept: readonly Wanted[]) => readonly Wanted[]): void {
  const next = edit(stored());
  // What was not sent is never let go of.
  const old = new Set(next.filter(({ state }) => state !== "queued").slice(MAX_KEPT));
  const kept = next.filter((each) => !old.has(each));
  localStorage.setItem(KEY, JSON.stringify(kept));
  wanted.value = kept;
}

export function add(entry: Omit<Wanted, "request" | "at" | "state">): void {
  change((kept) => [{ ...entry, request: crypto.randomUUID(), at: Date.now(), state: "queued" }, ...kept]);
}

export function forget(request: string): void {
  change((kept) => kept.filter((each) => each.request !== request));
}

function settle(request: string, outcome: Partial<Wanted>): void {
  change((kept) => kept.map((each) => (each.request === request ? { ...each, ...outcome } : each)));
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
    if (event.key === KEY) wanted.value = stored();
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
      if (!(error instanceof Refused)) return false;
      if (error.status === 401) {
        onSignedOut();
        return false;
      }
      // What the server could not do now it may do later; what it refuses it will always refuse.
      if (error.status === 0 || error.status === 429 || error.status >= 500) return false;
      settle(request, { state: "refused", why: error.message });
    }
  }
  return true;
}
