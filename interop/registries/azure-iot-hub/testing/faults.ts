import type { Clock } from "../clock.ts";

/** What goes wrong with one request. */
export type Fault =
  /** Refused whole, and nothing done; the code stands where the service may put it. */
  | {
      kind: "refuse";
      status: number;
      code?: number;
      retryAfterS?: number;
      put?: "errorCode" | "message" | "header";
    }
  /** The connection breaks, before or after the work is done. */
  | { kind: "cut"; when: "before" | "after" }
  /** The work is done; the answer is half a JSON. */
  | { kind: "half-json" }
  /** No answer, and nothing done. */
  | { kind: "silent" }
  /** A bulk fails for the devices that are named by their place; the others are done. */
  | { kind: "devices"; code: number; places: (index: number) => boolean }
  /** A bulk says that it failed, for no reason and no device; the work is done. */
  | { kind: "unsaid" }
  /** A bulk makes devices without their twins. */
  | { kind: "no-twin" };

/** Asked at each request, in the order in which they come. */
export type FaultPlan = (request: { method: string; path: string; body: string }) => Fault | undefined;

/** One fault after the other, then none. */
export function faultsInTurn(faults: readonly (Fault | undefined)[]): FaultPlan {
  const queue = [...faults];
  return () => queue.shift();
}

/** A bucket of calls on a clock: `burst` at once, then so many a second. */
export function tokenBucket(options: { perSecond: number; burst: number; clock: Pick<Clock, "now"> }): {
  /** @returns seconds until there is room, 0 where the call may go on */
  take(): number;
} {
  let level = options.burst;
  let at = options.clock.now();
  return {
    take() {
      const now = options.clock.now();
      level = Math.min(options.burst, level + ((now - at) / 1000) * options.perSecond);
      at = now;
      if (level < 1) return Math.ceil((1 - level) / options.perSecond);
      level -= 1;
      return 0;
    },
  };
}
