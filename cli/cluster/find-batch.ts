import type { DeviceBatch } from "../../crds/index.ts";
import { batchIdFrom, reelNameFor } from "../../desk/batch-id.ts";
import { progressOf } from "../../desk/progress.ts";
import { CliError, EXIT } from "../exit.ts";
import type { Session } from "./session.ts";

const OBJECT_NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/**
 * A batch by its name, or by the Product Batch ID of its reel.
 * @throws CliError when there is none, or several
 */
export async function findBatch(session: Session, given: string, signal: AbortSignal): Promise<DeviceBatch> {
  const { batches, namespace, program } = session;
  if (OBJECT_NAME.test(given)) {
    const named = await batches.find({ namespace, name: given }, signal);
    if (named !== undefined) return named;
  }
  const reel = reelNameFor(batchIdFrom(given));
  const { items } = await batches.list({ namespace }, signal);
  const named = items.filter(({ spec }) => reelNameFor(spec.batchId) === reel);
  // Of several that name one reel, one at most has it.
  const bound = named.filter((batch) => progressOf(batch).bound);
  const found = bound.length === 1 ? bound : named;
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  if (first === undefined) {
    throw new CliError(
      EXIT.notFound,
      `there is no batch ${JSON.stringify(given)} in namespace ${namespace}, by name or by batch ID`,
      `Another namespace: -n NAME, or ${program} status -A for all. To bind a reel: ${program} bind BID -n ${namespace}`,
    );
  }
  throw new CliError(
    EXIT.refused,
    `several batches of namespace ${namespace} name reel ${first.spec.batchId}`,
    `Give the name of one of them: ${found.map(({ metadata }) => metadata.name).join(", ")}`,
  );
}
