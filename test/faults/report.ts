import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Tally } from "./tally.ts";

const PAGE = join(import.meta.dirname, "../../docs/reliability.md");
const BEGIN = "<!-- figures: npm run test:faults -- --write-docs -->";
const END = "<!-- end of figures -->";

/** The figures of one or several runs, a line each. */
export function describeTally(tally: Tally): string[] {
  return rowsOf(tally).map(([what, figure]) => `${what}: ${figure}`);
}

/**
 * Writes the figures into the page.
 * @returns what was done, for people
 * @throws Error when the page has no place for them
 */
export async function writeDocs(
  tally: Tally,
  { failed, more, started }: { failed: readonly number[]; more: string; started: Date },
): Promise<string> {
  const page = await readFile(PAGE, "utf8");
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new Error(`${PAGE} has no line ${JSON.stringify(BEGIN)} before ${JSON.stringify(END)}`);
  const runs = [
    `${started.toISOString().slice(0, 10)}, ${availableParallelism()} cores, Node ${process.versions.node},`,
    `\`npm run test:faults --${more === "" ? " --seeds N" : more}\`.`,
    failed.length === 0
      ? "Every run ended as it must."
      : `These seeds did not end as they must: ${failed.join(", ")}.`,
  ].join(" ");
  const text = [
    BEGIN,
    "",
    runs,
    "",
    ...table(["what", "figure"], rowsOf(tally)),
    "",
    ...table(["fault", "how often"], rows(tally.faults)),
    "",
    ...table(["what people did", "how often"], rows(tally.deeds)),
    "",
  ].join("\n");
  await writeFile(PAGE, page.slice(0, begin) + text + page.slice(end));
  return "docs/reliability.md is written";
}

function rowsOf(tally: Tally): [string, string][] {
  const faults = Object.values(tally.faults).reduce((sum, times) => sum + times, 0);
  const perDevice = tally.pushed === 0 ? 0 : tally.sent / tally.pushed;
  return [
    ["runs", number(tally.runs)],
    ["faults", number(faults)],
    ["devices in the reels", number(tally.devices)],
    ["devices sent to a cloud, each counted once for each cloud", number(tally.pushed)],
    ["devices in requests to let them in", number(tally.sent)],
    [
      "so often a device was sent, “provision now” and clouds that were left and named again included",
      perDevice.toFixed(2),
    ],
    ["devices in requests to take them out", number(tally.sentOut)],
    ["requests to clouds, probes included", number(tally.requests)],
    ["devices that had to be in a cloud at the end", number(tally.expected)],
    ["of these, lost", number(tally.lost)],
    ["devices in a cloud that no ledger knew of", number(tally.strays)],
    ["times that another operator took the lease", number(tally.handovers)],
    ["slowest coming to rest after the last fault", `${(tally.settledMs / 1_000).toFixed(0)} s`],
  ];
}

function rows(counts: Readonly<Record<string, number>>): [string, string][] {
  return Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b, "en"))
    .map(([what, times]) => [what, number(times)]);
}

function table(head: readonly [string, string], body: readonly (readonly [string, string])[]): string[] {
  return [`| ${head.join(" | ")} |`, "| --- | --- |", ...body.map((row) => `| ${row.join(" | ")} |`)];
}

function number(value: number): string {
  return value.toLocaleString("en");
}
