import type { DeviceBatch, ReelBinding } from "../../../crds/index.ts";
import { type Cluster, reelNameOf } from "../cluster.ts";
import { type Departure, stillIn } from "./departures.ts";

/** What a batch that is being deleted still has to wait for. */
export type ReleaseStep =
  | {
      readonly do: "release";
      /** Clouds in which devices stay that `Deprovision` would have taken out, had the account's going left the means. */
      readonly leftBehind: readonly Departure[];
    }
  | { readonly do: "hold" };

/** The binding that a batch uses, if it does. */
export function bindingOf(batch: DeviceBatch, cluster: Cluster): ReelBinding | undefined {
  const binding = cluster.bindings.cache.get(reelNameOf(batch.spec.batchId));
  const { namespace, name } = batch.metadata;
  return binding?.spec.account === namespace && binding.spec.batch === name ? binding : undefined;
}

/** In a namespace that is going: nothing that is missing now comes again. */
const FOR_GOOD: ReadonlySet<string> = new Set([
  "CloudApiNotFound",
  "CredentialsNotFound",
  "CredentialsInvalid",
  "SigningKeyMissing",
  "DeprovisionUnsupported",
  "ReelNotFound",
  "Unauthorized",
]);
/** How long an account that goes waits for a cloud that may answer again. */
const PATIENCE_MS = 10 * 60_000;

/**
 * Decides whether a deleted batch may go: when no device is left to be taken out. Only a whole namespace that
 * is going is not held for a cloud whose credentials went with it, or that does not answer for ten minutes.
 * @param now epoch ms
 */
export function planRelease(
  batch: DeviceBatch,
  departures: readonly Departure[],
  cluster: Cluster,
  now: number,
): ReleaseStep {
  if (departures.length === 0) return { do: "release", leftBehind: [] };
  const account = cluster.namespaces.cache.get(batch.metadata.namespace);
  const since = account === undefined ? undefined : account.metadata.deletionTimestamp;
  if (account !== undefined && since === undefined) return { do: "hold" };
  const impatient = since === undefined || now - Date.parse(since) > PATIENCE_MS;
  const stuck = departures.every(
    ({ obstacle }) => obstacle !== undefined && (impatient || FOR_GOOD.has(obstacle.reason)),
  );
  return stuck ? { do: "release", leftBehind: departures } : { do: "hold" };
}

/** What is said where devices had to be left in clouds because their whole account goes. */
export function leftBehind(account: string, departures: readonly Departure[]): string {
  const clouds = departures.map(
    ({ name, target, obstacle }) => `${name} (${target}: ${obstacle?.reason ?? "unknown"})`,
  );
  const devices = departures.reduce((sum, { counts }) => sum + stillIn(counts), 0);
  return `account ${account} is going, so ${devices} devices that deletionPolicy Deprovision should take out were left in ${clouds.sort().join(", ")}. Take them out there`;
}
