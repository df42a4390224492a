import type { DeviceBatch } from "../../crds/index.ts";
import { isSettled, isUnderWay, progressOf } from "../../desk/progress.ts";
import type { ListOptions } from "../../operator/runtime/client.ts";
import { keyOf } from "../../operator/runtime/objects.ts";
import type { Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { watchBatches } from "./watch-batches.ts";

export interface LiveStatus {
  readonly session: Session;
  readonly which: ListOptions;
  /** Whether a person asked for it (`--watch`): then every batch is waited for, else those that are seen under way. */
  readonly asked: boolean;
  readonly draw: (batches: readonly DeviceBatch[], width: number) => readonly string[];
}

/** Whether there is anything to follow. */
export function anyUnderWay(batches: readonly DeviceBatch[]): boolean {
  return batches.some((batch) => isUnderWay(progressOf(batch)));
}

/**
 * Shows how batches stand until those that it waits for have come to rest: done, in need of a person, or gone. What
 * nobody asked to wait for rests also while it waits for a reel: that may be for ever.
 * @returns needsPerson when one of these needs a person
 * @throws ApiError; the signal's reason when it aborts
 */
export async function showUntilAtRest(context: Context, live: LiveStatus): Promise<ExitCode> {
  const { session, which, asked, draw } = live;
  const awaited = new Set<string>();
  const ended = await watchBatches(context, {
    session,
    which,
    draw,
    until: (batches) => {
      for (const batch of batches) {
        if (asked || isUnderWay(progressOf(batch))) awaited.add(keyOf(batch));
      }
      const moving = batches.filter((batch) => awaited.has(keyOf(batch)) && !isAtRest(batch, asked));
      return moving.length === 0 ? batches : undefined;
    },
  });
  const there = new Map(ended.map((batch) => [keyOf(batch), batch]));
  let code: ExitCode = EXIT.ok;
  for (const key of awaited) {
    const batch = there.get(key);
    if (batch === undefined) await context.io.stderr.write(`Batch ${key} is gone.\n`);
    else if (progressOf(batch).standing === "stalled") code = EXIT.needsPerson;
  }
  return code;
}

function isAtRest(batch: DeviceBatch, asked: boolean): boolean {
  const progress = progressOf(batch);
  return isSettled(progress) || (!asked && progress.standing === "waiting" && !progress.bound);
}
