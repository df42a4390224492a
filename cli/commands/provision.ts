import type { DeviceBatch } from "../../crds/index.ts";
import { cloudsOf, goesTo } from "../../desk/clouds-of-batch.ts";
import { provisionNow } from "../../desk/new-batch.ts";
import { withDeadline } from "../../operator/runtime/deadline.ts";
import { findBatch } from "../cluster/find-batch.ts";
import { followOne } from "../cluster/follow-one.ts";
import { atCluster, type Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { type MachineFormat, objectText } from "../output/objects.ts";
import { mustHaveClouds } from "./before-bind.ts";
import { waitForBatch } from "./wait.ts";

export interface ProvisionOptions {
  /** Clouds to add to those that the batch has. */
  readonly cloud?: readonly string[];
  /** Every device once more, also those that are in. */
  readonly again?: boolean;
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly output?: MachineFormat;
}

/**
 * "Provision now": brings a batch's devices into further clouds, or into those that it has once more.
 */
export async function provision(
  context: Context,
  given: string,
  options: ProvisionOptions,
): Promise<ExitCode> {
  return await atCluster(context, async (session) => {
    const { io, signal } = context;
    const batch = await findBatch(session, given, signal);
    const { namespace, name, resourceVersion } = batch.metadata;
    const declared = cloudsOf(batch);
    const wanted = [...new Set(options.cloud)];
    const added = wanted.filter((each) => !declared.includes(each));
    await mustHaveClouds(session, added, signal);
    const again = options.again === true || wanted.length === 0;
    if (declared.length === 0 && added.length === 0 && batch.spec.provisioning === "Manual") {
      throw new CliError(
        EXIT.usage,
        `batch ${namespace}/${name} is bound only, and names no cloud`,
        `Choose one: ${io.program} provision ${name} -n ${namespace} --cloud NAME`,
      );
    }
    if (!again && added.length === 0) {
      throw new CliError(
        EXIT.refused,
        `batch ${namespace}/${name} goes to ${wanted.join(", ")} already`,
        "To bring every device there once more, give --again too",
      );
    }
    const patch = {
      // Who has changed the batch meanwhile may have changed its clouds.
      metadata: { resourceVersion, ...(again ? provisionNow(new Date(io.clock.now())).metadata : {}) },
      ...(added.length === 0 ? {} : { spec: goesTo([...declared, ...added]) }),
    };
    let changed: DeviceBatch = await session.batches.patch({ namespace, name }, patch, {}, signal);
    if (options.output === undefined) {
      const into = added.length === 0 ? "" : ` into ${added.join(", ")}`;
      await io.stderr.write(
        `Batch ${namespace}/${name}: ${again ? "every device is provisioned again" : "its devices are provisioned"}${into}.\n`,
      );
    }
    if (options.wait === true) {
      if (again) await untilTakenUp(context, session, batch);
      changed = await waitForBatch(context, session, changed, options);
    }
    if (options.output !== undefined) await io.stdout.write(objectText(changed, options.output));
    return EXIT.ok;
  });
}

/** How long the status may stay as it was before that is taken for the answer. */
const UNCHANGED_MS = 10_000;

/**
 * The request is an annotation, which no generation counts: until the status has moved it speaks of the time before.
 */
async function untilTakenUp(context: Context, session: Session, before: DeviceBatch): Promise<void> {
  const { io, signal } = context;
  const mark = ({ status }: DeviceBatch): string =>
    JSON.stringify([
      status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
      status?.clouds?.map((cloud) => [cloud.name, cloud.state, cloud.provisionedAt]),
    ]);
  const late = new Error("unchanged");
  const moved = (inner: AbortSignal): Promise<true> =>
    followOne(
      io,
      session.batches,
      before.metadata,
      (seen) => (seen === undefined || mark(seen) !== mark(before) ? true : undefined),
      inner,
    );
  await withDeadline({ clock: io.clock, ms: UNCHANGED_MS, signal, late: () => late }, moved).catch(
    (error: unknown) => {
      if (error !== late) throw error;
    },
  );
}
