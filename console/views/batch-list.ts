import { z } from "zod";
import type { DeviceBatch } from "../../crds/index.ts";
import { batchRow } from "./batch-row.ts";
import type { BatchPage, BatchRow, BatchState, Counters } from "./wire.ts";

const STATES = [
  "Provisioned",
  "BoundOnly",
  "Provisioning",
  "Waiting",
  "Attention",
  "Suspended",
  "Leaving",
] as const satisfies readonly BatchState[];
const SORTS = ["batchId", "createdAt", "boundAt", "provisionedAt", "bound", "provisioned"] as const;
const MAX_FACETS = 50;

/** What a page of batches is asked for by, as it stands in a query string. */
export const batchQuery = z.object({
  search: z.string().trim().max(128).default(""),
  state: z.enum(STATES).optional(),
  cloud: z.string().max(63).optional(),
  from: z.string().max(128).optional(),
  by: z.string().max(128).optional(),
  sort: z.enum(SORTS).default("createdAt"),
  order: z.enum(["asc", "desc"]).default("desc"),
  page: z.coerce.number().int().min(1).max(100_000).default(1),
  size: z.coerce.number().int().min(1).max(200).default(50),
});

export type BatchQuery = z.infer<typeof batchQuery>;

/** One page of an account's batches, with the counters of all. A page beyond the last is the last. */
export function batchPage(batches: readonly DeviceBatch[], query: BatchQuery): BatchPage {
  const all = batches.map(batchRow);
  const rows = all.filter((row) => fits(row, query)).sort(by(query));
  const page = Math.min(query.page, Math.max(1, Math.ceil(rows.length / query.size)));
  return {
    rows: rows.slice((page - 1) * query.size, page * query.size),
    total: rows.length,
    page,
    size: query.size,
    counters: countersOf(all),
    facets: {
      clouds: values(all.flatMap(({ clouds }) => clouds.map(({ name }) => name))),
      from: values(all.map(({ addedFrom }) => addedFrom)),
      by: values(all.map(({ addedBy }) => addedBy)),
    },
  };
}

/** What all batches of an account come to. */
export function countersOf(rows: readonly BatchRow[]): Counters {
  const states = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<BatchState, number>;
  let [bound, provisioned, failed] = [0, 0, 0];
  for (const row of rows) {
    bound += row.bound;
    provisioned += row.provisioned;
    failed += row.failed;
    states[row.state] += 1;
  }
  return { batches: rows.length, bound, provisioned, failed, states };
}

function fits(row: BatchRow, { search, state, cloud, from, by: person }: BatchQuery): boolean {
  if (state !== undefined && row.state !== state) return false;
  if (cloud !== undefined && !row.clouds.some(({ name }) => name === cloud)) return false;
  if (from !== undefined && row.addedFrom !== from) return false;
  if (person !== undefined && row.addedBy !== person) return false;
  if (search === "") return true;
  const wanted = search.toLowerCase();
  return [row.batchId, row.name, row.addedBy ?? ""].some((text) => text.toLowerCase().includes(wanted));
}

/** By the column; those that have nothing there come last, and equals by their IDs, so that pages never overlap. */
function by({ sort, order }: BatchQuery): (a: BatchRow, b: BatchRow) => number {
  const sign = order === "asc" ? 1 : -1;
  return (a, b) => {
    const [left, right] = [a[sort], b[sort]];
    if (left !== right) {
      if (left === undefined) return 1;
      if (right === undefined) return -1;
      if (typeof left === "number" && typeof right === "number") return sign * (left - right);
      return sign * (String(left) < String(right) ? -1 : 1);
    }
    return a.name < b.name ? -1 : 1;
  };
}

function values(given: readonly (string | undefined)[]): string[] {
  return [...new Set(given.filter((each) => each !== undefined))].sort().slice(0, MAX_FACETS);
}
