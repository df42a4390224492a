import type { DeviceBatch } from "../../crds/index.ts";
import { progressOf } from "../../desk/progress.ts";
import type { Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { batchLines, styleFor } from "../output/progress.ts";
import { some } from "../output/words.ts";
import { patiently } from "./patiently.ts";
import { watchBatches } from "./watch-batches.ts";

export interface WaitOptions {
  /** Milliseconds; none unless given. */
  readonly timeout?: number | undefined;
}

/**
 * Waits until a batch is Ready. Progress is on the standard error, so that the output is the result alone.
 * @throws CliError when it needs a person, when it goes, and when the time is over; Interrupted, after saying that
 * the work goes on
 */
export async function waitForBatch(
  context: Context,
  session: Session,
  batch: DeviceBatch,
  options: WaitOptions,
): Promise<DeviceBatch> {
  const { io } = context;
  const { namespace, name } = batch.metadata;
  const look = `${io.program} status ${name} -n ${namespace}`;
  const watch = (signal: AbortSignal): Promise<DeviceBatch> =>
    watchBatches(
      { ...context, signal },
      {
        session,
        which: { namespace, fieldSelector: `metadata.name=${name}` },
        on: "stderr",
        until: ([seen]) => verdictOn(seen, batch, io.program),
        draw: (batches, width) =>
          batches.flatMap((each) =>
            batchLines(each, { style: styleFor(io.stderr, io), width, now: io.clock.now() }),
          ),
      },
    );
  const goesOn = `The work goes on in the cluster: ${look}`;
  const late = (seconds: number): CliError =>
    new CliError(EXIT.timeout, `batch ${namespace}/${name} was not ready within ${seconds} seconds`, goesOn);
  return await patiently(context, { timeout: options.timeout, late, goesOn }, watch);
}

function verdictOn(
  seen: DeviceBatch | undefined,
  { metadata }: DeviceBatch,
  program: string,
): DeviceBatch | undefined {
  const { namespace, name } = metadata;
  if (seen === undefined || seen.metadata.uid !== metadata.uid) {
    throw new CliError(EXIT.notFound, `batch ${namespace}/${name} was deleted meanwhile`);
  }
  const { standing, reason, message, bound, failed, failures } = progressOf(seen);
  if (standing === "ready") return seen;
  if (standing !== "stalled") return undefined;
  const taken = reason === "AlreadyBound" || reason === "Reserved" || reason === "NotAllowed";
  const hint =
    failures.length > 0
      ? `${some(failed, "device")} failed; all of them: ${program} devices ${name} -n ${namespace} --failed`
      : taken && !bound
        ? `The batch stays, and does nothing. To take it away: kubectl delete devicebatch ${name} -n ${namespace}`
        : undefined;
  throw new CliError(taken ? EXIT.refused : EXIT.needsPerson, `${reason}: ${message}`, hint);
}
