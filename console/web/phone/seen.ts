import type { BatchDetail } from "../../views/wire.ts";

/** How far a reel was when the page was last told. */
export type Seen = Pick<BatchDetail, "bound" | "failed" | "provisioned" | "state"> &
  Partial<Pick<BatchDetail, "message">>;

/** Apart from the queue, whose entries are written when something is sent. */
const PREFIX = "certferry-seen:";

/** Keeps it in this browser, for the page that is opened anew. Not in words: those may be told to this person alone. */
export function see(request: string, { bound, failed, provisioned, state }: Seen): void {
  try {
    localStorage.setItem(PREFIX + request, JSON.stringify({ bound, failed, provisioned, state }));
  } catch {
    // A browser that keeps nothing asks again.
  }
}

/** Undefined where nothing was told yet. */
export function lastSeen(request: string): Seen | undefined {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(PREFIX + request) ?? "null");
    return isSeen(kept) ? kept : undefined;
  } catch {
    return undefined;
  }
}

export function forgetSeen(request: string): void {
  try {
    localStorage.removeItem(PREFIX + request);
  } catch {
    // Then it was not kept either.
  }
}

function isSeen(value: unknown): value is Seen {
  return (
    typeof value === "object" &&
    value !== null &&
    "state" in value &&
    ["bound", "failed", "provisioned"].every(
      (count) => typeof (value as Record<string, unknown>)[count] === "number",
    )
  );
}
