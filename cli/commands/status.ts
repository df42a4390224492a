import type { DeviceBatch } from "../../crds/index.ts";
import { isSettled, progressOf } from "../../desk/progress.ts";
import { findBatch } from "../cluster/find-batch.ts";
import { atCluster, type Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { canDraw } from "../output/live.ts";
import { isMachineFormat, listText, objectText } from "../output/objects.ts";
import { bar, batchLines, STANDING_COLOURS, type Style, styleFor } from "../output/progress.ts";
import { batchTable } from "../output/batch-table.ts";
import { cut } from "../output/table.ts";
import { count, duration } from "../output/words.ts";
import { anyUnderWay, showUntilAtRest } from "./live-status.ts";
import { sorted } from "./watch-batches.ts";

export interface StatusOptions {
  readonly output?: "json" | "yaml" | "name" | "wide";
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  /** Goes on until all is settled; false: one picture. Unless said, a terminal is live while anything is under way. */
  readonly watch?: boolean;
}

/** Shows how batches stand: one in full, or all in a table. */
export async function status(
  context: Context,
  given: string | undefined,
  options: StatusOptions,
): Promise<ExitCode> {
  return await atCluster(context, async (session) => {
    if (given !== undefined) return await one(context, session, given, options);
    return await all(context, session, options);
  });
}

async function one(
  context: Context,
  session: Session,
  given: string,
  options: StatusOptions,
): Promise<ExitCode> {
  const { io, signal } = context;
  const { output } = options;
  const batch = await findBatch(session, given, signal);
  if (isLive(context, options, [batch])) {
    const { namespace, name } = batch.metadata;
    return await showUntilAtRest(context, {
      session,
      which: { namespace, fieldSelector: `metadata.name=${name}` },
      asked: options.watch === true,
      draw: (batches, width) => batches.flatMap((each) => inFull(context, each, width)),
    });
  }
  if (isMachineFormat(output)) await io.stdout.write(objectText(batch, output));
  else if (output === "wide") await io.stdout.write(batchTable([batch], context.io, options));
  else await io.stdout.write(`${inFull(context, batch, io.stdout.columns ?? 120).join("\n")}\n`);
  return EXIT.ok;
}

async function all(context: Context, session: Session, options: StatusOptions): Promise<ExitCode> {
  const { io, signal } = context;
  const { output, selector } = options;
  const which = {
    ...(options.allNamespaces === true ? {} : { namespace: session.namespace }),
    ...(selector === undefined ? {} : { labelSelector: selector }),
  };
  const batches = sorted((await session.batches.list(which, signal)).items);
  if (isLive(context, options, batches)) {
    const style = styleFor(io.stdout, io);
    return await showUntilAtRest(context, {
      session,
      which,
      asked: options.watch === true,
      draw: (seen, width) => liveLines(seen, { style, width, now: io.clock.now() }),
    });
  }
  if (isMachineFormat(output)) {
    await io.stdout.write(listText(batches, output));
  } else if (batches.length === 0) {
    const { namespace } = session;
    const [where, others] =
      options.allNamespaces === true
        ? ["", ""]
        : [` in namespace ${namespace}`, ` Another namespace: -n NAME; all: ${io.program} status -A.`];
    await io.stderr.write(`There are no batches${where}.${others} To bind a reel: ${io.program} bind BID\n`);
  } else {
    await io.stdout.write(batchTable(batches, context.io, options));
  }
  return EXIT.ok;
}

/** Whether the output goes on: as it was asked for, and else on a terminal, where there is something to see. */
function isLive({ io }: Context, { output, watch }: StatusOptions, batches: readonly DeviceBatch[]): boolean {
  if (isMachineFormat(output) || watch === false) return false;
  return watch === true || (output === undefined && canDraw(io.stdout, io) && anyUnderWay(batches));
}

function inFull({ io }: Context, batch: DeviceBatch, width: number): string[] {
  return batchLines(batch, { style: styleFor(io.stdout, io), width, now: io.clock.now() });
}

/** One line for each batch with its bar, and the sum of all; those that move come first. */
function liveLines(
  batches: readonly DeviceBatch[],
  { style, width, now }: { style: Style; width: number; now: number },
): string[] {
  const rows = batches.map((batch) => ({ batch, progress: progressOf(batch) }));
  const settled = rows.filter(({ progress }) => isSettled(progress));
  const moving = rows.filter(({ progress }) => !isSettled(progress));
  const cells = Math.max(8, Math.min(20, width - 60));
  const line = ({ batch, progress }: (typeof rows)[number]): string => {
    const { share, perSecond, completion, reason, standing } = progress;
    const left =
      completion === undefined || completion <= now ? "" : `  ${duration((completion - now) / 1000)} left`;
    const pace = perSecond === undefined || isSettled(progress) ? "" : `  ${count(perSecond)}/s`;
    const done = `${count(progress.provisioned)}/${count(progress.devices ?? 0)}`;
    const name = cut(`${batch.metadata.namespace}/${batch.metadata.name}`, 28).padEnd(28);
    const tail = cut(`${done}  ${reason}${pace}${left}`, Math.max(0, width - 31 - cells));
    const colour = STANDING_COLOURS[standing];
    return `${name} ${bar(share ?? (standing === "ready" ? 1 : 0), style, cells)} ${style.paint(colour, tail)}`;
  };
  const sum = `${count(settled.length)} of ${count(rows.length)} batches are settled`;
  return [...moving.map(line), ...settled.map(line), style.paint("bold", cut(sum, width))];
}
