import type { HubFailure } from "./failure.ts";
import type { Clock } from "./clock.ts";
import type { Hub } from "./hub.ts";
import type { Patience } from "./patience.ts";

/** What all that the registry does shares. */
export interface Work {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Devices are read through their twins (another quota), and tagged with their batch. */
  readonly twins: boolean;
  /** Single calls under way at a time, for one request. */
  readonly parallel: number;
  /** Bulks under way at a time, for one request. */
  readonly parallelBulks: number;
  /** A new one for each thing that is tried. */
  patience(): Patience;
}

/** Where a device's matter ended, if not well. `OutOfTime`: its turn did not come. */
export type Ending = HubFailure | "OutOfTime";

/** What is told of a device that could not be settled before the time was up: the hub's throttle, if that was why. */
export function atTimeUp(last: HubFailure | undefined): Ending {
  return last?.meaning === "Throttled" ? last : "OutOfTime";
}
