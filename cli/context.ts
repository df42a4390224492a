import type { ClusterFlags } from "./cluster/kubeconfig.ts";
import type { Io } from "./io.ts";

/** What every command is given besides its own arguments. */
export interface Context {
  readonly io: Io;
  readonly flags: ClusterFlags;
  /** Fires when the process is told to stop. */
  readonly signal: AbortSignal;
}
