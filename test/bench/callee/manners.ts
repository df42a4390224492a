import type { QuotaManners } from "../cloud/quota.ts";

/** How the stub answers; given as JSON on its command line. */
export interface StubManners {
  /** Before each answer. */
  readonly latencyMs?: number;
  readonly quota?: QuotaManners;
  /** This share of the devices, the same ones each time, are refused for good. */
  readonly rejects?: number;
}
