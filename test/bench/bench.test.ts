import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documentOf } from "./document.ts";
import { describeMachine } from "./machine.ts";
import { type BenchReport, reportOf } from "./report.ts";
import { runScenarios } from "./runner.ts";
import { atLeast, type Figure, isMet, type Scenario } from "./scenario.ts";

const MAIN = resolve(import.meta.dirname, "main.ts");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-bench-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function bench(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((done) => child.once("close", done));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, out, err };
}

/** The smallest scenario against goals of the test's own, so that it is known what is met. */
async function smallest(goodput: number): Promise<{ code: number | null; report: BenchReport }> {
  const json = join(folder, `${goodput}.json`);
  const goals = [`goodput-10=${goodput}`, "again-10=1", "timeouts-10=1000"];
  const { code } = await bench(
    "--only=pace-429",
    "--quick",
    `--json=${json}`,
    `--cache-dir=${folder}`,
    ...goals.flatMap((goal) => ["--goal", `pace-429.${goal}`]),
  );
  return { code, report: JSON.parse(await readFile(json, "utf8")) as BenchReport };
}

describe("npm run bench", () => {
  it("writes each figure with its goal and whether it was met, and exits 0 when all were", async () => {
    const { code, report } = await smallest(0.1);
    expect(code).toBe(0);
    expect(report).toMatchObject({ quick: true, rounds: 1, met: true, machine: { node: process.version } });
    expect(Date.parse(report.date)).toBeGreaterThan(Date.UTC(2026, 0, 1));
    expect(report.scenarios.map(({ name }) => name)).toEqual(["pace-429"]);
    const figures = report.scenarios.flatMap((scenario) => scenario.figures);
    expect(figures.map(({ name, goal, met }) => [name, goal, met])).toEqual([
      ["goodput-10", { is: "at least", value: 0.1 }, true],
      ["again-10", { is: "at most", value: 1 }, true],
      ["timeouts-10", { is: "at most", value: 1_000 }, true],
    ]);
    // A cloud that admits ten a second has let in no more, and the ferry found its way in.
    expect(figures[0]?.value).toBeGreaterThan(0.1);
    expect(figures[0]?.value).toBeLessThan(1.1);
  });

  it("exits 1 when a goal is missed, and says which", async () => {
    const { code, report } = await smallest(2);
    expect(code).toBe(1);
    expect(report.met).toBe(false);
    const missed = report.scenarios.flatMap(({ figures }) => figures).filter(({ met }) => !met);
    expect(missed.map(({ name }) => name)).toEqual(["goodput-10"]);
  });

  it("knows its scenarios, and publishes whole runs only", async () => {
    const unknown = await bench("--only", "nothing");
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("throughput")]);
    const partial = await bench("--write-docs", "--quick");
    expect([partial.code, partial.err]).toEqual([1, expect.stringContaining("whole run")]);
  });
});

const figure = (value: number): Figure => ({ name: "f", what: "it", value, unit: "×", goal: atLeast(1) });
const scenario = (name: string, run: Scenario["run"]): Scenario => ({ name, about: `About ${name}.`, run });
const run = async (scenarios: readonly Scenario[]): Promise<BenchReport> => {
  const context = { rounds: 1, quick: true, cacheDir: folder, profileDir: undefined, log: () => undefined };
  const results = await runScenarios(scenarios, context, new Map(), () => undefined);
  return reportOf(results, {
    date: "2026-01-02T00:00:00Z",
    machine: describeMachine(),
    rounds: 1,
    quick: true,
  });
};

describe("a run", () => {
  it("goes on after a scenario that breaks, and has not met its goals then", async () => {
    const report = await run([
      scenario("broken", () => Promise.reject(new Error("no cloud"))),
      scenario("good", () => Promise.resolve([figure(1)])),
    ]);
    expect(report.met).toBe(false);
    expect(report.scenarios.map(({ figures }) => figures.length)).toEqual([0, 1]);
    expect(report.scenarios[0]?.error).toContain("no cloud");
  });

  it("never takes what is not a number for a goal that is met", () => {
    expect(isMet(figure(Number.NaN))).toBe(false);
    expect(isMet({ value: Number.NaN, goal: { is: "at most", value: 1 } })).toBe(false);
  });

  it("is published with the machine, the date, and what was missed", async () => {
    const good = scenario("good", () => Promise.resolve([figure(1.234)]));
    const bad = scenario("bad", () => Promise.resolve([figure(0.5)]));
    const page = documentOf(await run([good, bad]), "The machine was busy.");
    expect(page).toContain("Date: 2026-01-02");
    expect(page).toContain(process.version);
    expect(page).toContain("| good | it | 1.23 × | at least 1 | met |");
    expect(page).toContain("| bad | it | 0.5 × | at least 1 | **not met** |");
    expect(page).toContain("The machine was busy.");
  });
});
