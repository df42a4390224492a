import type { CloudProgress, DeviceBatch } from "../../crds/index.ts";
import { ADDED_BY, ADDED_FROM } from "../../crds/index.ts";
import { type BatchProgress, progressOf, type Standing } from "../../desk/progress.ts";
import { keyOf } from "../../operator/runtime/objects.ts";
import type { Io, Output } from "../io.ts";
import { activityLines } from "./activity.ts";
import { type Colour, harmless, type Paint, paintFor } from "./colour.ts";
import { cut } from "./table.ts";
import { count, duration, some } from "./words.ts";

/** How an output may look. */
export interface Style {
  readonly paint: Paint;
  /** Whether the terminal's encoding has more than ASCII. */
  readonly unicode: boolean;
}

/** What an output's terminal can show, as its environment says. */
export function styleFor(output: Output, io: Pick<Io, "env">): Style {
  const { env } = io;
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((each) => (each ?? "") !== "") ?? "";
  return { paint: paintFor(output, io), unicode: /utf-?8/i.test(locale) };
}

export const STANDING_COLOURS: Record<Standing, Colour> = {
  ready: "green",
  working: "cyan",
  waiting: "yellow",
  stalled: "red",
};

const BAR_CELLS = 24;

/** A bar of a fixed width, e.g. `━━━━━━───────`. */
export function bar(share: number, { unicode, paint }: Style, cells: number = BAR_CELLS): string {
  const full = Math.max(0, Math.min(cells, Math.floor(share * cells)));
  const [done, open] = unicode ? ["━", "─"] : ["#", "-"];
  return paint("green", done.repeat(full)) + paint("dim", open.repeat(cells - full));
}

/** Everything about one batch, in lines that fit. */
export function batchLines(batch: DeviceBatch, o: { style: Style; width: number; now: number }): string[] {
  const { style, width, now } = o;
  const { paint } = style;
  const progress = progressOf(batch);
  const colour = STANDING_COLOURS[progress.standing];
  const title = cut(harmless(`${keyOf(batch)}  reel ${batch.spec.batchId}`), width);
  const lines = [paint("bold", title)];
  const field = (name: string, text: string, as?: Colour): void => {
    for (const [at, part] of wrapped(harmless(text), Math.max(20, width - 12)).entries()) {
      lines.push(`${(at === 0 ? name : "").padEnd(12)}${as === undefined ? part : paint(as, part)}`);
    }
  };
  field("Status", progress.reason, colour);
  field("", progress.message);
  if (progress.devices !== undefined) field("Bound", boundWords(batch, progress.devices));
  if (progress.failed > 0) field("Failed", some(progress.failed, "device"), "red");
  for (const cloud of progress.clouds) lines.push(...cloudLines(cloud, progress, { style, width, now }));
  for (const { device, cloud, reason, message } of progress.failures) {
    lines.push(cut(harmless(`  ${device} in ${cloud}: ${reason}: ${message}`), width));
  }
  return lines;
}

function boundWords({ status, metadata }: DeviceBatch, devices: number): string {
  const by = metadata.annotations?.[ADDED_BY];
  const from = metadata.annotations?.[ADDED_FROM];
  const at = status?.boundAt === undefined ? "" : ` at ${status.boundAt}`;
  return `${some(devices, "device")}${at}${by === undefined ? "" : ` by ${by}`}${from === undefined ? "" : ` from ${from}`}`;
}

function cloudLines(
  cloud: CloudProgress,
  { devices = 0 }: BatchProgress,
  { style, width, now }: { style: Style; width: number; now: number },
): string[] {
  const { provisioned = 0, failed = 0, pending = 0 } = cloud;
  const total = Math.max(devices, provisioned + failed + pending);
  const share = total === 0 ? 0 : (provisioned + failed) / total;
  const words = [
    `${count(provisioned)}/${count(total)}`,
    `${Math.floor(share * 100)} %`,
    ...(failed === 0 ? [] : [`${count(failed)} failed`]),
    ...paceWords(cloud, now),
    cloud.state,
  ].join("  ");
  const name = cut(harmless(cloud.name), 20).padEnd(20);
  const cells = Math.max(8, Math.min(BAR_CELLS, width - 56));
  const first = `  ${name} ${bar(share, style, cells)} ${cut(words, Math.max(0, width - 24 - cells))}`;
  const told = activityLines(cloud, { style, width, now });
  if (cloud.message === undefined) return [first, ...told];
  const why = wrapped(harmless(cloud.message), Math.max(20, width - 4));
  return [first, ...why.map((line) => `    ${style.paint("yellow", line)}`), ...told];
}

function paceWords({ devicesPerSecond, estimatedCompletion, state }: CloudProgress, now: number): string[] {
  if (state !== "Provisioning" && state !== "Deprovisioning") return [];
  const end = Date.parse(estimatedCompletion ?? "");
  return [
    ...(devicesPerSecond === undefined ? [] : [`${rate(devicesPerSecond)}/s`]),
    ...(Number.isNaN(end) || end <= now ? [] : [`${duration((end - now) / 1000)} left`]),
  ];
}

function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : count(perSecond);
}

/** A text in lines of at most so many characters, broken between words where there are such. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const next = line === "" ? word : `${line} ${word}`;
    if (next.length <= width) {
      line = next;
      continue;
    }
    if (line !== "") lines.push(line);
    let rest = word;
    for (; rest.length > width; rest = rest.slice(width)) lines.push(rest.slice(0, width));
    line = rest;
  }
  return [...lines, line];
}

/** One batch in one line, for a log. */
export function batchSentence(batch: DeviceBatch): string {
  const progress = progressOf(batch);
  const clouds = progress.clouds.map(
    ({ name, state, provisioned = 0 }) => `${name} ${state} ${provisioned}/${progress.devices ?? "?"}`,
  );
  const words = [`${keyOf(batch)}: ${progress.reason}`, ...clouds];
  const why = progress.standing === "waiting" || progress.standing === "stalled";
  return harmless(words.join(", ") + (why ? ` (${progress.message})` : ""));
}

/**
 * Says of a batch what is new of it: another reason, another state of a cloud, or a tenth more of the way. So a log of
 * a long job has some dozens of lines, and the same job has the same lines.
 */
export class ChangeLines {
  readonly #told = new Map<string, string>();

  /** @returns undefined where there is nothing new */
  tell(batch: DeviceBatch): string | undefined {
    const { reason, standing, message, share = 0, clouds } = progressOf(batch);
    // Messages of what waits name times that move on by themselves.
    const why = standing === "stalled" ? message : "";
    const states = clouds.map(({ name, state }) => `${name}=${state}`);
    const mark = JSON.stringify([reason, why, Math.floor(share * 10), ...states]);
    const key = keyOf(batch);
    if (this.#told.get(key) === mark) return undefined;
    this.#told.set(key, mark);
    return batchSentence(batch);
  }
}
