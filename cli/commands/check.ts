import { CHECK_REQUESTED_AT, type DeviceBatch } from "../../crds/index.ts";
import { checkNow, cloudsThatTell, toldOf } from "../../desk/activity.ts";
import { cloudsOf } from "../../desk/clouds-of-batch.ts";
import { findBatch } from "../cluster/find-batch.ts";
import { followOne } from "../cluster/follow-one.ts";
import { atCluster, type Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { activityLines } from "../output/activity.ts";
import { type MachineFormat, objectText } from "../output/objects.ts";
import { styleFor } from "../output/progress.ts";
import { some } from "../output/words.ts";
import { patiently } from "./patiently.ts";

export interface CheckOptions {
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly output?: MachineFormat;
}

/** "Check now": has a batch's clouds asked how the devices stand that they have taken. */
export async function check(context: Context, given: string, options: CheckOptions): Promise<ExitCode> {
  return await atCluster(context, async (session) => {
    const { io, signal } = context;
    const batch = await findBatch(session, given, signal);
    const { namespace, name } = batch.metadata;
    const able = await mustTell(session, batch, signal);
    const patch = checkNow(new Date(io.clock.now()));
    const request = patch.metadata.annotations[CHECK_REQUESTED_AT] ?? "";
    let changed: DeviceBatch = await session.batches.patch({ namespace, name }, patch, {}, signal);
    if (options.output === undefined) {
      await io.stderr.write(
        `Batch ${namespace}/${name}: ${able.join(", ")} ${able.length === 1 ? "is" : "are"} asked how its devices stand.\n`,
      );
    }
    if (options.wait === true)
      changed = await answered(context, session, changed, { able, request, ...options });
    if (options.output !== undefined) await io.stdout.write(objectText(changed, options.output));
    return options.wait === true ? await verdict(context, changed, able, options) : EXIT.ok;
  });
}

/** The clouds that can be asked. @throws CliError where there is none */
async function mustTell(session: Session, batch: DeviceBatch, signal: AbortSignal): Promise<string[]> {
  const { namespace, name } = batch.metadata;
  const { items } = await session.cloudApis.list({ namespace }, signal);
  const able = cloudsThatTell(batch, items);
  if (able.length > 0) return able;
  const clouds = cloudsOf(batch);
  throw new CliError(
    EXIT.refused,
    clouds.length === 0
      ? `batch ${namespace}/${name} goes to no cloud`
      : `no cloud of batch ${namespace}/${name} tells how devices stand (${clouds.join(", ")})`,
    "A cloud that can says so: kubectl get cloudapi -o yaml, status.capabilities with `status`",
  );
}

async function answered(
  context: Context,
  session: Session,
  batch: DeviceBatch,
  { able, request, timeout }: { able: readonly string[]; request: string; timeout?: number },
): Promise<DeviceBatch> {
  const { io } = context;
  const { namespace, name } = batch.metadata;
  const look = `${io.program} status ${name} -n ${namespace}`;
  const toldAll = (seen: DeviceBatch | undefined): DeviceBatch | undefined => {
    if (seen === undefined || seen.metadata.uid !== batch.metadata.uid) {
      throw new CliError(EXIT.notFound, `batch ${namespace}/${name} was deleted meanwhile`);
    }
    return able.every((cloud) => activityOf(seen, cloud)?.request === request) ? seen : undefined;
  };
  const late = (seconds: number): CliError =>
    new CliError(
      EXIT.timeout,
      `batch ${namespace}/${name}: not every cloud has told within ${seconds} seconds`,
      `It is asked when nothing is sent there, and its devices are in: ${look}`,
    );
  const goesOn = `The clouds are asked all the same: ${look}`;
  return await patiently(context, { timeout, late, goesOn }, (signal) =>
    followOne(io, session.batches, batch.metadata, toldAll, signal),
  );
}

function activityOf({ status }: DeviceBatch, cloud: string) {
  return status?.clouds?.find(({ name }) => name === cloud)?.activity;
}

/** Says what was told. */
async function verdict(
  { io }: Context,
  batch: DeviceBatch,
  able: readonly string[],
  { output }: CheckOptions,
): Promise<ExitCode> {
  const { namespace, name } = batch.metadata;
  const lines = (batch.status?.clouds ?? []).filter((line) => able.includes(line.name));
  const differing = toldOf(lines)?.differing ?? 0;
  if (output === undefined) {
    const how = { style: styleFor(io.stdout, io), width: io.stdout.columns ?? 120, now: io.clock.now() };
    const told = lines.flatMap((line) => [line.name].concat(activityLines(line, how)));
    await io.stdout.write(`${told.join("\n")}\n`);
  }
  if (differing === 0) return EXIT.ok;
  throw new CliError(
    EXIT.needsPerson,
    `${some(differing, "device")} ${differing === 1 ? "is" : "are"} not as they were left there`,
    `If nobody means it so, send every device once more, which also lets in again those that were locked out: ${io.program} provision ${name} -n ${namespace}`,
  );
}
