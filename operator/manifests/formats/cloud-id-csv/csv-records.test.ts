import { describe, expect, it } from "vitest";
import { failureOf } from "../../testing.ts";
import { CsvRecords, type CsvRow } from "./csv-records.ts";

async function rowsOf(text: string, o: { pieces?: number; separator?: string } = {}): Promise<CsvRow[]> {
  const bytes = Buffer.from(text);
  const pieces = o.pieces ?? bytes.length;
  const records = new CsvRecords({ separator: o.separator ?? ",", maxRecordBytes: 1024 });
  const rows: CsvRow[] = [];
  for (let at = 0; at < bytes.length; at += pieces) {
    rows.push(...(await records.push(bytes.subarray(at, at + pieces))));
  }
  rows.push(...(await records.end()));
  return rows;
}

/** Each row as `line: fields`, or `line: !`. */
async function framed(text: string, o: { pieces?: number; separator?: string } = {}): Promise<string[]> {
  const rows = await rowsOf(text, o);
  return rows.map((row) => `${row.row}: ${"fields" in row ? row.fields.join("|") : "!"}`);
}

describe("CsvRecords", () => {
  it.each([1, 2, 3, 5, 1000])(
    "frames records and knows their lines, in pieces of %i bytes",
    async (pieces) => {
      const text = 'a,b,c\r\n\r\n1,"two\r\nlines",3\n4,"say ""x""",6\r7,"",9\r\n\n\n"q\rr",s,t';
      await expect(framed(text, { pieces })).resolves.toEqual([
        "1: a|b|c",
        "3: 1|two\r\nlines|3",
        '5: 4|say "x"|6',
        "6: 7||9",
        "9: q\rr|s|t",
      ]);
    },
  );

  it.each([1, 4, 1000])(
    "goes on after records that cannot be read, in pieces of %i bytes",
    async (pieces) => {
      const text = [
        "a,b,c",
        'x1,"unclosed',
        'x2,"fine\nin two lines",1',
        'x3,"closed"too early,1',
        "x4,fine,2",
        'x5,in"side,3',
        'x6,"""",4',
        'x7,"never closed,5',
        "x8,fine,6",
        "x9,fine,7",
      ].join("\n");
      await expect(framed(text, { pieces })).resolves.toEqual([
        "1: a|b|c",
        "2: !",
        "3: x2|fine\nin two lines|1",
        "5: !",
        "6: x4|fine|2",
        "7: !",
        '8: x6|"|4',
        "9: !",
        "10: x8|fine|6",
        "11: x9|fine|7",
      ]);
    },
  );

  it("starts over behind a PEM text, not within it", async () => {
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA\n-----END CERTIFICATE-----";
    await expect(framed(`a,b,c\n1,g,"${pem}"x\n2,g,"${pem}"\n3,g,"${pem}\n4,g,"${pem}"\n`)).resolves.toEqual([
      "1: a|b|c",
      "2: !",
      `6: 2|g|${pem}`,
      "10: !",
      `14: 4|g|${pem}`,
    ]);
    // The certificate first: a record begins as the PEM text does.
    await expect(framed(`c,a,b\n"${pem}"x,1,g\n"${pem}",2,g\n`)).resolves.toEqual([
      "1: c|a|b",
      "2: !",
      `6: ${pem}|2|g`,
    ]);
  });

  it("says what is wrong with a record, and repeats nothing of it", async () => {
    const messages = async (text: string) =>
      (await rowsOf(text)).flatMap((row) => ("unreadable" in row ? [row.unreadable] : []));
    await expect(messages('a,b\n"x"secret,1\n')).resolves.toEqual([
      expect.stringContaining("closing quotation mark"),
    ]);
    await expect(messages('a,b\nsec"ret,1\n')).resolves.toEqual([expect.stringContaining("not quoted")]);
    await expect(messages('a,b\n1,"secret')).resolves.toEqual([expect.stringContaining("not closed")]);
    const swallowed = `a,b\n1,"${"secret,x\n".repeat(200)}`;
    const [first, ...rest] = await messages(swallowed);
    expect(first).toContain("longer than 1 KiB");
    expect(rest).toEqual([]);
  });

  it("refuses a line without an end, wherever it stands", async () => {
    const endless = "x".repeat(3000);
    for (const text of [endless, `a,b\n1,${endless}`, `a,b\n1,"${endless}"\n`, `a,b\n1,"y"y\n${endless}`]) {
      for (const pieces of [100, 100_000]) {
        await expect(failureOf(rowsOf(text, { pieces }))).resolves.toMatchObject({
          reason: "ManifestTooLarge",
        });
      }
    }
  });

  it("is not kept busy for ever by a file in which no record can be read", async () => {
    const maxRecordBytes = 16 * 1024;
    const records = new CsvRecords({ separator: ",", maxRecordBytes, maxRereadBytes: 1024 * 1024 });
    // Each takes the next 16 KiB along before it is found out.
    const text = `a,b\n1,"\n${"2,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(500)}`;
    const flood = async (): Promise<void> => {
      for (let count = 0; count < 500; count += 1) await records.push(Buffer.from(text));
    };
    await expect(failureOf(flood())).resolves.toMatchObject({ reason: "NotAManifest" });
  });
});
