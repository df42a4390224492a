import type { DeviceBatch, DeviceBatchInput } from "../../crds/index.ts";
import { batchIdFrom, reelNameFor } from "../../desk/batch-id.ts";
import { newBatch } from "../../desk/new-batch.ts";
import { isAlreadyExists } from "../../operator/runtime/api-error.ts";
import { apiPath } from "../../operator/runtime/objects.ts";
import { atCluster, type Session, whoAmI } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { type MachineFormat, objectText } from "../output/objects.ts";
import { lookBeforeBinding, namedAlready } from "./before-bind.ts";
import { waitForBatch } from "./wait.ts";

export interface BindOptions {
  readonly cloud?: readonly string[];
  readonly name?: string;
  readonly manual?: boolean;
  readonly slot?: string;
  readonly deletionPolicy?: "Retain" | "Deprovision";
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly dryRun?: boolean;
  readonly output?: MachineFormat;
}

/** Binds a reel to the account by creating a DeviceBatch; with `wait`, until its devices are where they belong. */
export async function bind(context: Context, given: string, options: BindOptions): Promise<ExitCode> {
  const batchId = batchIdFrom(given);
  if (options.manual === true && (options.cloud ?? []).length > 0) {
    throw new CliError(
      EXIT.usage,
      "--manual and --cloud contradict each other",
      "--manual binds the reel only; leave it out to bring the devices into the clouds that --cloud names",
    );
  }
  return await atCluster(context, async (session) => {
    const { io, signal } = context;
    const wanted = newBatch({
      namespace: session.namespace,
      batchId,
      name: options.name,
      cloudApis: [...new Set(options.cloud)],
      manual: options.manual ?? false,
      certificateSlot: options.slot,
      deletionPolicy: options.deletionPolicy,
      addedBy: await whoAmI(session, signal),
      addedFrom: "CLI",
    });
    await lookBeforeBinding(context, session, wanted);
    let batch = await create(session, wanted, options.dryRun === true, signal);
    const { namespace, name } = batch.metadata;
    if (options.output === undefined) {
      const how = options.dryRun === true ? " would be" : "";
      await io.stderr.write(`Batch ${namespace}/${name} (reel ${batchId})${how} created.\n`);
    }
    if (options.dryRun !== true) {
      if (options.wait === true) batch = await waitForBatch(context, session, batch, options);
      else if (options.output === undefined) await io.stderr.write(await outlook(context, session, batch));
    }
    if (options.output !== undefined) await io.stdout.write(objectText(batch, options.output));
    return EXIT.ok;
  });
}

async function create(
  session: Session,
  wanted: DeviceBatchInput,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<DeviceBatch> {
  const path = apiPath(session.batches.kind, { namespace: wanted.metadata.namespace });
  const query = dryRun ? { dryRun: "All" } : {};
  try {
    return (await session.client.request(
      { method: "POST", path, body: wanted, query },
      signal,
    )) as DeviceBatch;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    throw await alreadyThere(session, wanted, signal);
  }
}

/** Seen only where nobody may list batches, or somebody else was quicker. */
async function alreadyThere(
  { batches, program }: Session,
  wanted: DeviceBatchInput,
  signal: AbortSignal,
): Promise<CliError> {
  const { namespace, name } = wanted.metadata;
  const existing = await batches.find({ namespace, name }, signal);
  if (existing !== undefined && reelNameFor(existing.spec.batchId) === reelNameFor(wanted.spec.batchId)) {
    return namedAlready(existing, wanted, program);
  }
  return new CliError(
    EXIT.refused,
    `there is a batch ${namespace}/${name} already, for reel ${existing?.spec.batchId ?? "?"}`,
    "Give the new one another name: --name NAME",
  );
}

/** What is known at once of what becomes of it; the operator has the last word. */
async function outlook({ io, signal }: Context, { reels }: Session, batch: DeviceBatch): Promise<string> {
  const { namespace, name } = batch.metadata;
  const next = `Follow it: ${io.program} status ${name} -n ${namespace} --watch\n`;
  const reel = await reels.find({ name: reelNameFor(batch.spec.batchId) }, signal).catch(() => undefined);
  signal.throwIfAborted();
  if (reel === undefined) {
    return `There is no reel ${batch.spec.batchId} yet, or you may not see it: the batch is bound when it is declared.\n${next}`;
  }
  const { reservedFor } = reel.spec;
  if (reservedFor !== undefined && reservedFor.namespace !== namespace) {
    return `Reel ${batch.spec.batchId} is reserved for another account: the batch will not be bound unless that changes.\n${next}`;
  }
  return next;
}
