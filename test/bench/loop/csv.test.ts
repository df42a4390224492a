import { describe, expect, it } from "vitest";
import { CsvCutter } from "./csv.ts";

function rows(text: string, piece: number): string[][] {
  const cutter = new CsvCutter();
  const found: string[][] = [];
  const bytes = Buffer.from(text);
  const row = (fields: readonly Buffer[]): void => void found.push(fields.map(String));
  for (let at = 0; at < bytes.length; at += piece) cutter.push(bytes.subarray(at, at + piece), false, row);
  cutter.push(Buffer.alloc(0), true, row);
  return found;
}

describe("the loop's CSV", () => {
  it.each([1, 2, 3, 7, 1_000])("is cut into the same rows in pieces of %i bytes", (piece) => {
    expect(rows('a,b,c\r\n1,g,"two\nlines"\n2,g,""\n"3",g,plain', piece)).toEqual([
      ["a", "b", "c"],
      ["1", "g", "two\nlines"],
      ["2", "g", ""],
      ["3", "g", "plain"],
    ]);
  });

  it.each([
    ["two fields", "1,2\n"],
    ["four fields", "1,2,3,4\n"],
    ["text behind a quotation", '1,2,"3"x\n'],
    ["a quotation without an end", '1,2,"3\n'],
  ])("with %s is refused", (_what, text) => {
    expect(() => rows(text, 1_000)).toThrow(/row|quotation/);
  });
});
