import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";

import { missingPart } from "../../tools/setup/missing-part.ts";
import { findPromtool } from "../../tools/promtool/source.ts";
import { checkRules, RULES } from "./promtool.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const missing = await missingPart(findPromtool());

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}

async function rules(): Promise<Rule[]> {
  const { groups } = parse(await readFile(RULES, "utf8")) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

describe("the alerts", () => {
  it.skipIf(missing !== undefined)(`are rules that Prometheus takes${missing ?? ""}`, async () => {
    expect(await checkRules(RULES)).toBeUndefined();
  });

  it("are the same for the Prometheus operator", async () => {
    const plain: unknown = parse(await readFile(RULES, "utf8"));
    const custom = parse(await readFile(join(ROOT, "alerts/prometheusrule.yaml"), "utf8")) as {
      kind: string;
      spec: unknown;
    };
    expect(custom.kind).toBe("PrometheusRule");
    expect(custom.spec).toEqual(plain);
  });

  it("lead to a runbook each, which says what they mean, how to see that and what to do", async () => {
    const all = await rules();
    const pages = (await readdir(join(ROOT, "docs/runbooks"))).filter((name) => name !== "README.md");
    expect(pages.sort()).toEqual(all.map(({ alert }) => `${alert}.md`).sort());
    for (const { alert, expr, labels, annotations } of all) {
      expect(annotations["runbook"]).toBe(`docs/runbooks/${alert}.md`);
      expect(["critical", "warning", "info"]).toContain(labels["severity"]);
      const page = await readFile(join(ROOT, "docs/runbooks", `${alert}.md`), "utf8");
      expect(page).toMatch(new RegExp(`^# ${alert}\\n\\n\\*\\*${labels["severity"]}\\*\\*`));
      for (const part of ["## How to see", "## What to do"]) expect(page).toContain(part);
      expect(page).toContain(`\`\`\`promql\n${expr.trim()}\n\`\`\``);
    }
  });
});
