import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DIFFERENCES } from "../../interop/protocol/answers.ts";
import { CAPABILITIES } from "../../interop/protocol/capabilities.ts";
import { AUTH_MESSAGES, ENTRY_MESSAGES } from "../../interop/protocol/messages.ts";
import { REFUSALS } from "../../interop/protocol/refusals.ts";
import { brokenLinks } from "../setup/doc-links.ts";
import { CHECKS } from "./checks/index.ts";
import { USAGE } from "./options.ts";

/** docs/interop.md says what the code does, and where the checks say that it does. */
const PAGE = join(import.meta.dirname, "../../docs/interop.md");

it("each check says where it is written down, and it is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "certferry-page-"));
  await writeFile(join(folder, "interop.md"), await readFile(PAGE));
  const links = CHECKS.map(({ name, where }) => `[${name}](interop.md#${where})`);
  await writeFile(join(folder, "all.md"), links.join("\n"));
  expect(await brokenLinks(folder, ["all.md"])).toEqual([]);
  await rm(folder, { recursive: true });
  expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length);
});

/** The cells of the rows of all tables, without the backticks, by the first cell. */
function rowsOf(page: string): Map<string, string[]> {
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  return new Map(
    rows.map((row) => {
      const [first = "", ...cells] = row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim());
      return [first.replaceAll("`", ""), cells];
    }),
  );
}

it("names every capability, code, difference and text, as the code has them", async () => {
  const page = await readFile(PAGE, "utf8");
  const rows = rowsOf(page);
  for (const capability of CAPABILITIES) expect(rows.has(capability), capability).toBe(true);
  for (const difference of DIFFERENCES) expect(rows.has(difference), difference).toBe(true);
  for (const text of [...Object.values(AUTH_MESSAGES), ...Object.values(ENTRY_MESSAGES)]) {
    expect(page).toContain(`\`${text}\``);
  }
  const [, section = ""] = /### Codes\n([\s\S]*?)\n### /.exec(page) ?? [];
  const codes = rowsOf(section);
  for (const [code, { retryable }] of Object.entries(REFUSALS)) {
    expect(codes.get(code)?.[0], code).toBe(String(retryable));
  }
});

it("explains every option that it uses, and uses none that does not exist", async () => {
  const page = await readFile(PAGE, "utf8");
  const [, section = ""] = /### The check\n([\s\S]*?)\nTo see how a cloud/.exec(page) ?? [];
  const used = [...new Set(section.match(/--[a-z][a-z-]+/g))];
  expect(used.length).toBeGreaterThan(5);
  expect(used.filter((option) => !USAGE.includes(`  ${option} `))).toEqual([]);
});
