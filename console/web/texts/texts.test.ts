import { readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { Refused } from "../state/api.ts";
import { t } from "./index.ts";

const WEB = resolve(import.meta.dirname, "..");
const CONSOLE = resolve(WEB, "..");
/** Between tags; and in attributes that are read out or shown. */
const IN_TAGS = />\s*(?<words>[A-Za-z][A-Za-z ,.']+)\s*</gu;
const IN_ATTRIBUTES = /\b(?:title|alt|label|hint|aria-label|legend)="(?<words>[^"]*[A-Za-z]{2}[^"]*)"/gu;

describe("what the pages say", () => {
  it("of a refusal is theirs where they know its code, and else the server's", () => {
    const said = (code: string): string =>
      new Refused({ status: 429, code, detail: "as the server says" }).message;
    expect(said("TooManyTries")).toBe(t.problems["TooManyTries"]);
    expect(said("AlreadyAdded")).toBe("as the server says");
  });

  it("of a refusal has a code that the server gives", async () => {
    const files = (await readdir(CONSOLE, { recursive: true })).filter(
      (name) => name.endsWith(".ts") && !name.includes("test") && !name.startsWith("web"),
    );
    const sources = (await Promise.all(files.map((name) => readFile(join(CONSOLE, name), "utf8")))).join("");
    const unknown = Object.keys(t.problems).filter((code) => !sources.includes(`"${code}"`));
    expect(unknown).toEqual([]);
  });

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
