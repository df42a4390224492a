import type { LaneView } from "../observer.ts";
import type { PaceLimits } from "../pace.ts";

/** Of what a cloud takes, checks use so much at most: what it counts as a call may be several for one question. */
const SHARE = 0.1;
const MOST_TOGETHER = 25;
/** Longer than this no request is followed by silence, where that can be had by asking about fewer. */
const USUAL_PAUSE_MS = 10_000;
const LEAST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;

/** Devices a second that may be asked about; undefined where nobody knows what the cloud takes. */
function allowed(rate: number, { devicesPerSecond = Infinity }: PaceLimits): number | undefined {
  const known = Math.min(rate, devicesPerSecond);
  return Number.isFinite(known) ? known * SHARE : undefined;
}

/** How many devices the next request asks about. */
export function requestSize({ size, rate }: Pick<LaneView, "size" | "rate">, limits: PaceLimits): number {
  const most = Math.min(size, limits.maxDevicesPerRequest ?? Infinity, MOST_TOGETHER);
  const perSecond = allowed(rate, limits);
  const usual = perSecond === undefined ? most : (perSecond * USUAL_PAUSE_MS) / 1_000;
  return Math.max(1, Math.floor(Math.min(most, usual)));
}

/**
 * For how long a cloud is left alone after a request: so that a tenth of its known rate is used; where that is not
 * known, that it is busy with questions a tenth of the time.
 * @param tookMs how long the request took
 */
export function pauseMs(devices: number, tookMs: number, rate: number, limits: PaceLimits): number {
  const perSecond = allowed(rate, limits);
  if (perSecond !== undefined) return Math.max(LEAST_PAUSE_MS, (devices / perSecond) * 1_000 - tookMs);
  return Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, tookMs * (1 / SHARE - 1)));
}
