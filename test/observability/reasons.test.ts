import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

import { ALL_REASONS } from "../../operator/controllers/reasons.ts";
import { REMEDIES } from "../../operator/controllers/remedies.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** The reasons in the table of docs/troubleshooting.md, in its order. */
async function documented(): Promise<string[]> {
  const text = await readFile(join(ROOT, "docs/troubleshooting.md"), "utf8");
  return [...text.matchAll(/^\| <a id="([a-z]+)"><\/a>`(\w+)` \|/gm)].map(([, anchor, reason = ""]) => {
    expect(anchor).toBe(reason.toLowerCase());
    return reason;
  });
}

/** What is written as a reason anywhere in the code that people hear from. */
async function written(): Promise<{ reason: string; file: string }[]> {
  const found: { reason: string; file: string }[] = [];
  for (const room of [
    "operator/controllers",
    "operator/provisioning",
    "operator/manifests",
    "operator/accounts",
    "interop/caller",
  ]) {
    const files = await readdir(join(ROOT, room), { recursive: true });
    for (const file of files) {
      if (!file.endsWith(".ts") || file.endsWith(".test.ts") || file.includes("testing")) continue;
      const text = await readFile(join(ROOT, room, file), "utf8");
      const said = text.matchAll(
        /(?:\breason(?:: | = )|\bpending: |new (?:Unresolved|ManifestError)\(\s*|\brefuse[d]?\(\s*)"([A-Z][A-Za-z]+)"/g,
      );
      for (const [, reason = ""] of said) found.push({ reason, file: `${room}/${file}` });
    }
  }
  return found;
}

/** Words without marks and links; a runbook is named, for there is nothing to click in a status. */
function plain(markdown: string): string {
  return markdown
    .replaceAll(/\[runbook\]\(runbooks\/(\w+)\.md\)/g, "runbook $1")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll("`", "");
}

describe("docs/troubleshooting.md", () => {
  it("explains every reason that there is, in their order, and none that there is not", async () => {
    const reasons = await documented();
    expect(reasons).toEqual([...ALL_REASONS].sort());
  });

  it("says whose matter each is and what to do in the words that stand in the objects", async () => {
    const text = await readFile(join(ROOT, "docs/troubleshooting.md"), "utf8");
    const rows = [...text.matchAll(/^\| <a id="[a-z]+"><\/a>`(\w+)` \| .*? \| (.*?) \| .*? \| (.*?) \|$/gm)];
    const told = rows.map(([, reason = "", whose, todo = ""]) => [reason, { whose, todo: plain(todo) }]);
    expect(Object.fromEntries(told)).toEqual(REMEDIES);
  });

  it("misses none that is written in the code past the types", async () => {
    const all = await written();
    // The scan itself must see something: the reasons that each room writes literally.
    expect(new Set(all.map(({ reason }) => reason)).size).toBeGreaterThan(60);
    expect(all.filter(({ reason }) => !ALL_REASONS.has(reason))).toEqual([]);
  });

  it("is where the pages of the kinds lead: none of them names a reason that is gone", async () => {
    for (const page of ["devicebatch.md", "cloudapi.md", "reel.md"]) {
      const text = await readFile(join(ROOT, "docs", page), "utf8");
      const tables = [...text.matchAll(/^\| reason\b[^\n]*\n\|[ -|]*\n((?:\|[^\n]*\n)+)/gm)].map(
        ([, rows = ""]) => rows,
      );
      const named = tables.flatMap((rows) =>
        rows
          .split("\n")
          .flatMap((row) =>
            [...(row.split(" | ")[0] ?? "").matchAll(/`([A-Z]\w+)`/g)].map(([, r = ""]) => r),
          ),
      );
      expect(
        named.filter((reason) => !ALL_REASONS.has(reason)),
        page,
      ).toEqual([]);
      expect(named.length, page).toBeGreaterThan(5);
    }
  });
});
