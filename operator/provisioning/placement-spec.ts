import type { InteropTarget } from "../../interop/caller/caller.ts";
import type { LedgerIdentity } from "./ledger/store.ts";
import type { PaceLimits } from "./pace.ts";
import type { ContentsQuery } from "./reel-contents.ts";

/** In: provision. Out: deprovision what was provisioned, and forget the ledger. */
export type Direction = "in" | "out";

/** One reel into one product cloud, or out of it, as the controllers want it. */
export interface PlacementSpec {
  readonly direction: Direction;
  readonly ledger: LedgerIdentity;
  readonly contents: ContentsQuery;
  /** Whom to call, and how. */
  readonly interop: InteropTarget;
  readonly limits: PaceLimits;
  /** The cloud names devices by their serial number (interop v1): two devices of one serial cannot both go in. */
  readonly namesBySerial: boolean;
  /** A success without an IoT policy is none (AWS). */
  readonly policyExpected: boolean;
  /** The "provision now" request that is to be handled; undefined when there was none. */
  readonly request: string | undefined;
}

/** A device that is not in the cloud, and why; for people. */
export interface DeviceFailure {
  readonly device: string;
  readonly reason: string;
  readonly message: string;
}

/** What holds a placement up. */
export interface Hindrance {
  /** CamelCase, stable. */
  readonly reason: string;
  readonly message: string;
  /** Epoch ms of the next try; undefined when none is planned. */
  readonly nextTryAt?: number | undefined;
}

/** A hindrance as it is told, with since when no device has gone in. */
export interface LastingHindrance extends Hindrance {
  /** Epoch ms. Kept when the reason changes; only a device that goes in ends it. */
  readonly since: number;
}

/** What sets the pace of a placement. */
export interface PlacementLimit {
  /** The cloud refuses more; ceilings that people set; others whose turn it is; or the cloud does not answer. */
  readonly by: "CloudThrottling" | "Limits" | "Turn" | "Unreachable";
  /** Epoch ms; where the cloud does not answer. */
  readonly nextTryAt?: number;
}

/** What a placement tells while it runs and after; the counts stand in the ledger. */
export interface PlacementProgress {
  readonly running: boolean;
  readonly hindrance: LastingHindrance | undefined;
  readonly direction: Direction;
  /** Devices that went in (or out) a second, over the last ten seconds. */
  readonly devicesPerSecond: number;
  /** What limits it right now; undefined where that is the cloud's own speed. */
  readonly limitedBy?: PlacementLimit | undefined;
  /** The first ten that were seen failing. */
  readonly failures: readonly DeviceFailure[];
}

/** `reel/target-hash`: names a placement and its ledger. */
export function placementKey(identity: Pick<LedgerIdentity, "reel" | "target">): string {
  return `${identity.reel}/${identity.target.hash}`;
}
