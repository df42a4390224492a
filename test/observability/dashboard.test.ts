import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";

import { findPromtool } from "../../tools/promtool/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import {
  type Dashboard,
  type Expression,
  expressionsOf,
  filledIn,
  readDashboard,
  shownLabels,
} from "./dashboard.ts";
import { checkRules } from "./promtool.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const missing = await missingPart(findPromtool());

/** Metrics with their labels, as docs/metrics.md has them (which a test holds against what is served). */
async function documented(): Promise<Map<string, { type: string; labels: string[] }>> {
  const text = await readFile(join(ROOT, "docs/metrics.md"), "utf8");
  const rows = [...text.matchAll(/^\| `([a-z_0-9]+)` \| (\w+) \| (.*?) \|/gm)];
  return new Map(
    rows.map(([, name = "", type = "", labels = ""]) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label) },
    ]),
  );
}

const WORDS = new Set(
  "sum max min count group avg by on and unless or rate increase changes histogram_quantile absent offset le job instance label_values".split(
    " ",
  ),
);

describe("the dashboard", () => {
  let dashboard: Dashboard;
  let expressions: readonly Expression[];

  beforeAll(async () => {
    dashboard = await readDashboard();
    expressions = expressionsOf(dashboard);
  });

  it("asks only for metrics that there are, and by labels that they have", async () => {
    const metrics = await documented();
    const queries = dashboard.templating.list
      .filter(({ query }) => query.startsWith("label_values"))
      .map(({ name, query }) => ({ where: name, expr: query, legend: "" }));
    expect(expressions.length).toBeGreaterThan(30);
    for (const { where, expr, legend } of [...expressions, ...queries]) {
      const bare = expr.replaceAll(/"[^"]*"/g, "").replaceAll(/\[[^\]]*\]/g, "");
      const names = [...bare.matchAll(/[a-z_][a-z_0-9]{3,}/g)].map(([word]) => word);
      const known = names.flatMap((name) => {
        const family = metrics.get(name) ?? histogram(metrics, name);
        return family === undefined ? [] : [family];
      });
      expect(known.length, `${where}: ${expr}`).toBeGreaterThan(0);
      const labels = new Set([...known.flatMap((each) => each.labels), ...WORDS]);
      const odd = names.filter(
        (name) => !metrics.has(name) && histogram(metrics, name) === undefined && !labels.has(name),
      );
      expect(odd, `${where}: ${expr}`).toEqual([]);
      const unknown = shownLabels(legend).filter((label) => !labels.has(label));
      expect(unknown, `${where}: ${legend}`).toEqual([]);
    }
  });

  it("shows each of Certferry's metrics", async () => {
    const all = expressions.map(({ expr }) => expr).join("\n");
    const own = [...(await documented()).keys()].filter((name) => name.startsWith("certferry_"));
    expect(own.filter((name) => !all.includes(name))).toEqual([]);
  });

  it("has panels that lie beside each other, each with a number of its own", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const [at, { gridPos: a, title }] of panels.entries()) {
      expect(a.x + a.w, title).toBeLessThanOrEqual(24);
      for (const { gridPos: b, title: other } of panels.slice(at + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart, `${title} and ${other}`).toBe(true);
      }
    }
  });

  describe.skipIf(missing !== undefined)(`its expressions${missing ?? ""}`, () => {
    let folder: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "certferry-dashboard-"));
    });

    afterAll(async () => {
      await rm(folder, { recursive: true, force: true });
    });

    it("are such as Prometheus takes", async () => {
      const file = join(folder, "rules.yaml");
      const rules = expressions.map(({ expr }, at) => ({
        record: `panel:${at}`,
        expr: filledIn(expr),
      }));
      await writeFile(file, stringify({ groups: [{ name: "dashboard", rules }] }));
      expect(await checkRules(file)).toBeUndefined();
    });
  });
});

function histogram<T extends { type: string }>(metrics: ReadonlyMap<string, T>, name: string): T | undefined {
  const family = metrics.get(name.replace(/_(?:bucket|sum|count)$/, ""));
  return family?.type === "histogram" ? family : undefined;
}
