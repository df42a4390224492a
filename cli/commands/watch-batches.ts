import type { DeviceBatch } from "../../crds/index.ts";
import { follow } from "../../desk/follow.ts";
import type { ListOptions } from "../../operator/runtime/client.ts";
import type { Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { canDraw, LiveRegion } from "../output/live.ts";
import { ChangeLines } from "../output/progress.ts";

/** Least time between two drawings; changes in between are in the next. */
const DRAW_MS = 80;

export interface WatchedBatches<R> {
  readonly session: Session;
  readonly which: ListOptions;
  /** What it is watched for: asked whenever something has changed; what it gives is the end. */
  readonly until: (batches: readonly DeviceBatch[]) => R | undefined;
  /** For a terminal. */
  readonly draw: (batches: readonly DeviceBatch[], width: number) => readonly string[];
  /** Where progress is told; the standard output is for results. */
  readonly on?: "stdout" | "stderr";
}

/**
 * Shows batches as they change until something is reached: drawn in place on a terminal, else a line for each
 * change that counts.
 * @throws ApiError; the signal's reason when it aborts
 */
export async function watchBatches<R>(context: Context, watched: WatchedBatches<R>): Promise<R> {
  const { io, signal } = context;
  const output = io[watched.on ?? "stdout"];
  const live = canDraw(output, io) ? new LiveRegion(output) : undefined;
  const lines = new ChangeLines();
  let batches: readonly DeviceBatch[] = [];
  const draw = (): void => void live?.show((width) => watched.draw(batches, width));
  let pending: { cancel(): void } | undefined;
  // Times that are shown (how long yet) move on although nothing changes.
  const ticker = live === undefined ? undefined : setInterval(draw, 1_000);
  try {
    return await follow({
      resource: watched.session.batches,
      which: watched.which,
      clock: io.clock,
      random: io.random,
      signal,
      trouble: (error) => {
        const text =
          error === undefined ? "connected again" : "the connection to the cluster was lost; trying again";
        void (live === undefined ? io.stderr.write(`${text}\n`) : live.note(text));
      },
      look: (objects) => {
        batches = sorted(objects.values());
        const found = watched.until(batches);
        if (live === undefined) for (const batch of batches) tell(lines.tell(batch));
        else if (found !== undefined) draw();
        else {
          pending ??= io.clock.setTimeout(() => {
            pending = undefined;
            draw();
          }, DRAW_MS);
        }
        return found;
      },
    });
  } finally {
    clearInterval(ticker);
    pending?.cancel();
    draw();
    await live?.close();
  }

  function tell(line: string | undefined): void {
    if (line !== undefined) void output.write(`${line}\n`);
  }
}

/** By namespace and name, whatever order the server has them in. */
export function sorted(batches: Iterable<DeviceBatch>): DeviceBatch[] {
  const keyed = (batch: DeviceBatch): string => `${batch.metadata.namespace}\0${batch.metadata.name}`;
  return [...batches].sort((a, b) => (keyed(a) < keyed(b) ? -1 : 1));
}
