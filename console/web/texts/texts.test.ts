import { readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const WEB = resolve(import.meta.dirname, "..");
/** Between tags; and in attributes that are read out or shown. */
const IN_TAGS = />\s*(?<words>[A-Za-z][A-Za-z ,.']+)\s*</gu;
const IN_ATTRIBUTES = /\b(?:title|alt|label|hint|aria-label|legend)="(?<words>[^"]*[A-Za-z]{2}[^"]*)"/gu;

describe("what the pages say", () => {
  it("is in the catalogue, and nowhere else", async () => {
    const files = (await readdir(WEB, { recursive: true })).filter((name) => name.endsWith(".tsx"));
    expect(files.length).toBeGreaterThan(15);
    const found: string[] = [];
    for (const name of files) {
      // Generics and arrows look like tags.
      const text = (await readFile(join(WEB, name), "utf8")).replaceAll(
        /=>|<[A-Z]\w*(?:<[^<>]*>)?>\(/gu,
        " ",
      );
      for (const pattern of [IN_TAGS, IN_ATTRIBUTES]) {
        for (const { groups } of text.matchAll(pattern)) found.push(`${name}: ${groups?.["words"] ?? ""}`);
      }
    }
    expect(found).toEqual([]);
  });
});
