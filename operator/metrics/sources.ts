import type { Cluster } from "../controllers/cluster.ts";
import type { LaneView } from "../provisioning/observer.ts";

/** What is read when metrics are asked for. */
export interface Sources {
  readonly cluster: Cluster;
  /** How the ways to product clouds are. */
  readonly lanes: () => readonly (readonly [target: string, lane: LaneView])[];
  /** Whether this process leads: what tells of the cluster as a whole is told by one process. */
  readonly leads: () => boolean;
  readonly now: () => number;
}
