import type { DeviceBatch } from "../../crds/index.ts";
import { kinds } from "../../crds/kinds.ts";
import { missing, rowOf } from "./progress.ts";
import type { Row } from "./progress.ts";
import type { Stage } from "./stage.ts";
import type { LiveTable } from "./table.ts";

const POLL_MS = 250;
/** The cloud that is chosen, in the demo, for a batch that was bound only. */
const CHOSEN = "azure-hub";

export interface Outcome {
  /** Every batch is bound and provisioned. */
  readonly done: boolean;
  readonly rows: readonly Row[];
  /** What is not as it should be; one sentence each. */
  readonly missing: readonly string[];
}

/**
 * Applies the samples and follows the batches until all are bound and provisioned, the deadline passes, or a
 * part of the stage is lost. Does what a person does in between: chooses a cloud for the batch that was bound
 * only.
 * @param deadlineMs from now
 */
export async function ferryAll(
  stage: Stage,
  table: LiveTable,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  await stage.applySamples(signal);
  const deadline = performance.now() + deadlineMs;
  const chosen = new Set<string>();
  for (;;) {
    const batches = await stage.batches(signal);
    const rows = batches.map((batch) => rowOf(batch, stage.devices));
    table.show(rows);
    const done = rows.length > 0 && rows.every((row) => row.done);
    if (done) return { done, rows, missing: [] };
    const lost = stage.lost();
    if (lost !== undefined || performance.now() > deadline) {
      const why = lost === undefined ? [] : [`${lost}:\n${stage.operator.lastWords()}`];
      const left = missing(batches, stage.devices);
      if (rows.length === 0) left.push("there is no batch");
      return { done: false, rows, missing: [...why, ...left] };
    }
    for (const row of rows.filter((each) => each.awaitsChoice && !chosen.has(each.batch))) {
      chosen.add(row.batch);
      table.note(`${row.account}/${row.batch} is bound only; now ${CHOSEN} is chosen for it`);
      await chooseCloud(stage, row, signal);
    }
    await pause(POLL_MS, signal);
  }
}

async function chooseCloud(stage: Stage, row: Row, signal: AbortSignal): Promise<void> {
  await stage.client
    .resource<DeviceBatch>(kinds.DeviceBatch)
    .patch(
      { namespace: row.account, name: row.batch },
      { spec: { cloudApis: [{ name: CHOSEN }] } },
      { type: "merge" },
      signal,
    );
}

/** Keeps the table up to date until the signal, or until a part of the stage is lost. */
export async function stayUp(
  stage: Stage,
  table: LiveTable,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (;;) {
    const lost = stage.lost();
    if (signal.aborted || lost !== undefined) return lost;
    try {
      const batches = await stage.batches(signal);
      table.show(batches.map((batch) => rowOf(batch, stage.devices)));
      await pause(POLL_MS * 2, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
