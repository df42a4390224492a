import { ADDED_BY, ADDED_FROM, type DeviceBatch } from "../../crds/index.ts";
import { toldOf } from "../../desk/activity.ts";
import { progressOf } from "../../desk/progress.ts";
import type { Io } from "../io.ts";
import { STANDING_COLOURS, styleFor } from "./progress.ts";
import { type Column, tableLines } from "./table.ts";
import { age, count, some } from "./words.ts";

export interface BatchTable {
  readonly output?: string;
  readonly allNamespaces?: boolean;
}

/**
 * Batches in a table, with a line's end after each. On a terminal that is too narrow the number of clouds stands for
 * their names, and then the names of batches give way: how a batch stands is seen on 80 columns.
 */
export function batchTable(
  batches: readonly DeviceBatch[],
  io: Pick<Io, "stdout" | "env" | "clock">,
  options: BatchTable,
): string {
  const { paint } = styleFor(io.stdout, io);
  const columns = columnsFor(options, batches, io.clock.now());
  const { header, rows } = tableLines(columns, batches, io.stdout.columns);
  const painted = rows.map((row, at) => {
    const batch = batches[at];
    if (batch === undefined) return row;
    const { reason, standing } = progressOf(batch);
    // The word alone is in colour; a column's blanks are not.
    return row.replace(` ${reason}`, () => ` ${paint(STANDING_COLOURS[standing], reason)}`);
  });
  return `${[paint("bold", header), ...painted].join("\n")}\n`;
}

/** The columns of the console, as far as a terminal has room for them. */
function columnsFor(
  options: BatchTable,
  batches: readonly DeviceBatch[],
  now: number,
): Column<DeviceBatch>[] {
  const wide = options.output === "wide";
  const told = wide && batches.some(({ status }) => toldOf(status?.clouds ?? []) !== undefined);
  const of = progressOf;
  const note = (batch: DeviceBatch, name: string): string => batch.metadata.annotations?.[name] ?? "-";
  const all: (Column<DeviceBatch> | false)[] = [
    options.allNamespaces === true && { title: "NAMESPACE", of: ({ metadata }) => metadata.namespace },
    { title: "NAME", of: ({ metadata }) => metadata.name, shrinksTo: 12 },
    { title: "BATCH", of: ({ spec }) => spec.batchId },
    { title: "BOUND", of: (batch) => count(of(batch).devices ?? 0) },
    { title: "PROVISIONED", of: (batch) => count(of(batch).provisioned) },
    { title: "FAILED", of: (batch) => count(of(batch).failed) },
    { title: "STATUS", of: (batch) => of(batch).reason },
    { title: "CLOUDS", of: ({ status }) => status?.cloudNames ?? "-", brief: cloudsInBrief, shrinksTo: 8 },
    { title: "AGE", of: ({ metadata }) => age(metadata.creationTimestamp, now) },
    wide && { title: "BOUND AT", of: ({ status }) => status?.boundAt ?? "-" },
    wide && { title: "PROVISIONED AT", of: ({ status }) => status?.provisionedAt ?? "-" },
    told && { title: "ACTIVE", of: active },
    wide && { title: "ADDED BY", of: (batch) => note(batch, ADDED_BY), shrinksTo: 10 },
    wide && { title: "ADDED FROM", of: (batch) => note(batch, ADDED_FROM) },
    wide && { title: "MESSAGE", of: (batch) => of(batch).message, shrinksTo: 20 },
  ];
  return all.filter((column) => column !== false);
}

/** Of the devices that clouds were asked about, those that they let in. */
function active({ status }: DeviceBatch): string {
  const told = toldOf(status?.clouds ?? []);
  return told === undefined ? "-" : `${count(told.active)}/${count(told.asked)}`;
}

function cloudsInBrief({ status }: DeviceBatch): string {
  const names = (status?.cloudNames ?? "-").split(", ");
  return names.length === 1 ? (names[0] ?? "-") : some(names.length, "cloud");
}
