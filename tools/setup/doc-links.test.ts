import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { brokenLinks } from "./doc-links.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "certferry-links-"));
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function check(text: string): Promise<string[]> {
  await writeFile(join(root, "README.md"), text);
  await writeFile(join(root, "other.md"), "# A `code` & more!\n\n## Twice\n\n## Twice\n");
  return await brokenLinks(root, ["README.md"]);
}

it("finds links that lead to no file and to no heading", async () => {
  const broken = await check("[a](nowhere.md) [b](other.md#none) [c](#here) [d](../up.md)");
  expect(broken).toEqual([
    "README.md: nowhere.md: there is no such file",
    "README.md: other.md#none: there is no such heading",
    "README.md: #here: there is no such heading",
    "README.md: ../up.md: leads out of the repository",
  ]);
});

it("accepts files, folders, headings as GitHub names them, and addresses on the web", async () => {
  const text =
    "# Here\n[a](other.md) [b](other.md#a-code--more) [c](other.md#twice-1) [d](#here) [e](.) " +
    '[f](https://example.com/x) [g](/other.md "a title") ![h](<other.md>)';
  expect(await check(text)).toEqual([]);
});

it("does not read code as links", async () => {
  expect(await check("`[a](no.md)`\n\n```md\n[b](no.md)\n```\n")).toEqual([]);
});
