import type { CloudApi, DeviceBatch, DeviceBatchInput } from "../../crds/index.ts";
import { reelNameFor } from "../../desk/batch-id.ts";
import { progressOf } from "../../desk/progress.ts";
import { accountState } from "../cluster/account.ts";
import type { Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { isForbidden } from "../errors.ts";
import { CliError, EXIT } from "../exit.ts";

/**
 * Refuses what the cluster would accept, and would then stand still: a reel that a batch of the account names already,
 * a cloud that is not there, a namespace that is no account (binding would make it one, and give it a key). What a
 * person may not look at is left to the operator.
 * @throws CliError; ApiError
 */
export async function lookBeforeBinding(
  { signal }: Context,
  session: Session,
  wanted: DeviceBatchInput,
): Promise<void> {
  const { namespace } = wanted.metadata;
  const batches = await mayBeSeen<DeviceBatch>(session.batches.list({ namespace }, signal));
  const rival = batches?.find((batch) => wantsTheSame(batch, wanted));
  if (rival !== undefined) throw namedAlready(rival, wanted, session.program);
  const clouds = await mayBeSeen<CloudApi>(session.cloudApis.list({ namespace }, signal));
  if (batches?.length === 0 && clouds?.length === 0) await mustBeAccount(session, signal);
  const names = (wanted.spec.cloudApis ?? []).map(({ name }) => name);
  if (clouds !== undefined) mustBeThere(session, names, clouds);
}

async function mayBeSeen<T>(listed: Promise<{ items: T[] }>): Promise<T[] | undefined> {
  try {
    return (await listed).items;
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

function wantsTheSame({ metadata, spec }: DeviceBatch, wanted: DeviceBatchInput): boolean {
  return (
    metadata.deletionTimestamp === undefined && reelNameFor(spec.batchId) === reelNameFor(wanted.spec.batchId)
  );
}

/** A reel is bound once: to bind it again is an error, which says how it stands. */
export function namedAlready(batch: DeviceBatch, wanted: DeviceBatchInput, program: string): CliError {
  const { namespace, name } = batch.metadata;
  const { bound, reason, message } = progressOf(batch);
  const { batchId } = wanted.spec;
  return new CliError(
    EXIT.refused,
    `batch ${namespace}/${name} ${bound ? "binds" : "is there for"} reel ${batchId} already (${reason}: ${message})`,
    bound
      ? `A reel is bound once. To bring its devices into the clouds again, or into another one: ${program} provision ${name} -n ${namespace} [--cloud NAME]`
      : `Follow it: ${program} status ${name} -n ${namespace} --watch\nTo take it away: kubectl delete devicebatch ${name} -n ${namespace}`,
  );
}

async function mustBeAccount(session: Session, signal: AbortSignal): Promise<void> {
  const { namespace, program } = session;
  if ((await accountState(session, signal)) !== "unlabelled") return;
  throw new CliError(
    EXIT.refused,
    `namespace ${namespace} is no account: it has neither the label nor a CloudApi nor a batch`,
    `Choose the account: -n NAME. To make this one: ${program} keys init -n ${namespace}`,
  );
}

/** Refuses clouds that the account does not have. @throws CliError; ApiError */
export async function mustHaveClouds(
  session: Session,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { namespace } = session;
  if (wanted.length === 0) return;
  const clouds = await mayBeSeen<CloudApi>(session.cloudApis.list({ namespace }, signal));
  if (clouds !== undefined) mustBeThere(session, wanted, clouds);
}

function mustBeThere({ namespace }: Session, wanted: readonly string[], clouds: readonly CloudApi[]): void {
  const there = clouds.map(({ metadata }) => metadata.name).sort();
  const missing = wanted.filter((name) => !there.includes(name));
  if (missing.length === 0) return;
  throw new CliError(
    EXIT.notFound,
    `account ${namespace} has no CloudApi ${missing.join(", ")}`,
    there.length === 0 ? "It has none at all: docs/tasks/connect-a-cloud.md" : `It has: ${there.join(", ")}`,
  );
}
