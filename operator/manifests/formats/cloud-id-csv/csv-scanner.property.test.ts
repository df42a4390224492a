import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CsvRecords, type CsvRow } from "./csv-records.ts";

async function rowsOf(bytes: Buffer, separator: string, sizes: readonly number[]): Promise<CsvRow[]> {
  const records = new CsvRecords({ separator, maxRecordBytes: 64 * 1024 });
  const rows: CsvRow[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    rows.push(...(await records.push(bytes.subarray(at, at + size))));
    at += size;
  }
  rows.push(...(await records.end()));
  return rows;
}

/** What csv-parse makes of it: its records, or undefined where it stops. */
function byLibrary(bytes: Buffer, separator: string): string[][] | undefined {
  try {
    return parse(bytes, {
      delimiter: separator,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: true,
    });
  } catch {
    return undefined;
  }
}

const separator = fc.constantFrom(",", ";", "\t");
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 });
const piece = fc.constantFrom(
  "a",
  "",
  '"',
  '""',
  ",",
  ";",
  "\t",
  "\n",
  "\r\n",
  "\r",
  " ",
  "é",
  "\u{1F69A}",
  "x".repeat(70),
);

describe("framing of CSV", () => {
  it("gives csv-parse's records, wherever that can read on", async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), separator, sizes, async (pieces, mark, split) => {
        const bytes = Buffer.from(pieces.join(""));
        const rows = await rowsOf(bytes, mark, split);
        const records = byLibrary(bytes, mark);
        const readable = rows.every((row) => "fields" in row);
        expect(readable).toBe(records !== undefined);
        if (records === undefined) return;
        compared += 1;
        expect(rows.map((row) => ("fields" in row ? row.fields : []))).toEqual(records);
      }),
      { numRuns: 1_500 },
    );
    expect(compared).toBeGreaterThan(150);
  });

  it("gives back what was written, and on which line it began", async () => {
    const field = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
    const newline = fc.constantFrom("\n", "\r\n", "\r");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 8 }),
        separator,
        newline,
        sizes,
        async (table, mark, end, split) => {
          const quoted = table.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(mark));
          const text = quoted.map((row) => row + end).join("");
          const starts = quoted.map(
            (_, at) =>
              linesIn(
                quoted
                  .slice(0, at)
                  .map((row) => row + end)
                  .join(""),
              ) + 1,
          );
          expect(await rowsOf(Buffer.from(text), mark, split)).toEqual(
            table.map((fields, at) => ({ row: starts[at], fields })),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

function linesIn(text: string): number {
  return text.match(/\r\n|\r|\n/g)?.length ?? 0;
}
