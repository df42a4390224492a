import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CertificateForm,
  createIssuer,
  type FactoryDevice,
  manifestCsv,
} from "../../../../tools/factory/index.ts";
import { ManifestError } from "../../errors.ts";
import { DEFAULT_LIMITS } from "../../records.ts";
import type { Entry } from "../port.ts";
import { recordsOf } from "../../testing.ts";
import { cloudIdCsv } from "./format.ts";

const issuer = await createIssuer();
const pool = await issuer.issueMany(24, { batchId: "D001" });
const now = new Date();

const deviceId = fc
  .string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 })
  .map((text) => text.trim())
  .filter((text) => text !== "");
const shape = fc.record({
  newline: fc.constantFrom("\n", "\r\n", "\r" as const),
  bom: fc.boolean(),
  separator: fc.constantFrom(",", ";", "\t"),
  certificateForm: fc.constantFrom<CertificateForm>("pem", "escaped-pem", "base64-der", "base64-pem"),
  columns: fc.shuffledSubarray(["DEVICE_ID", "Group_Id", "certificate", "model", "Part Number"], {
    minLength: 5,
  }),
  encoding: fc.constantFrom("utf8", "utf16le", "utf16be"),
  trailing: fc.constantFrom("", "\n", "\r\n\r\n", "   \n", ",,,\n", "\u001A"),
});

function encoded(text: string, encoding: string, bom: boolean): Buffer {
  const marked = bom || encoding === "utf8" ? text : `\uFEFF${text}`;
  if (encoding === "utf8") return Buffer.from(marked);
  const bytes = Buffer.from(marked, "utf16le");
  return encoding === "utf16be" ? bytes.swap16() : bytes;
}

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function entriesOf(bytes: Buffer, sizes: readonly number[]): Promise<Entry[]> {
  const content = {
    kind: "plain",
    head: bytes.subarray(0, 4096),
    bytes: () => inPieces(bytes, sizes),
  } as const;
  const read = cloudIdCsv.entries(content, DEFAULT_LIMITS, AbortSignal.timeout(10_000));
  return (await Array.fromAsync(read)).flat();
}

function renamed(ids: readonly string[]): FactoryDevice[] {
  return pool
    .slice(0, ids.length)
    .map((device, index) => Object.assign({}, device, { deviceId: ids[index] }));
}

describe("reading a CSV manifest", () => {
  it("gives back every device that was written, in every form, order and encoding", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(deviceId, { minLength: 1, maxLength: pool.length }),
        shape,
        async (ids, { encoding, trailing, ...options }) => {
          const devices = renamed(ids);
          const text = manifestCsv(devices, { batchId: "D001", ...options });
          const rest = trailing.replaceAll(",", options.separator);
          const records = await recordsOf(encoded(text + rest, encoding, options.bom), { now });
          expect(records.map((record) => [record.kind, record.ordinal, record.deviceId])).toEqual(
            devices.map((device, index) => ["device", index, device.deviceId]),
          );
          for (const [index, record] of records.entries()) {
            expect(record.kind === "device" && Buffer.from(pool[index]?.der ?? []).equals(record.der)).toBe(
              true,
            );
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("does not depend on where the chunks end", async () => {
    await fc.assert(
      fc.asyncProperty(
        shape,
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 2000 }),
        fc.constantFrom("", '"', "\n", ",", '""', "\r", "x"),
        async ({ encoding, trailing, ...options }, sizes, at, slip) => {
          const text = manifestCsv(pool.slice(0, 3), { batchId: "D001", ...options }) + trailing;
          const rows = text.search(/[\r\n]/) + 2;
          const place = rows + (at % (text.length - rows));
          const bytes = encoded(text.slice(0, place) + slip + text.slice(place), encoding, options.bom);
          expect(await entriesOf(bytes, sizes)).toEqual(await entriesOf(bytes, [bytes.length]));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("loses no other device to one row that is damaged by a quotation mark", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<CertificateForm>("pem", "base64-der"),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 5000 }),
        async (certificateForm, damaged, at) => {
          const rows = manifestCsv(pool.slice(0, 5), { batchId: "D001", certificateForm });
          const starts = [...rows.matchAll(/^0A09/gm)].map((match) => match.index);
          const from = starts[damaged] ?? 0;
          const to = starts[damaged + 1] ?? rows.length;
          const place = from + (at % (to - from));
          const records = await recordsOf(`${rows.slice(0, place)}"${rows.slice(place)}`, { now });
          const accepted = records.flatMap((record) => (record.kind === "device" ? [record.deviceId] : []));
          const others = pool.slice(0, 5).filter((_, index) => index !== damaged);
          expect(accepted).toEqual(expect.arrayContaining(others.map((device) => device.deviceId)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("yields no device that was not there, whatever the bytes", async () => {
    const text = Buffer.from(manifestCsv(pool.slice(0, 4), { batchId: "D001" }));
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      fc
        .string({ unit: "binary", maxLength: 400 })
        .map((junk) => Buffer.from(`device_id,group_id,certificate\n${junk}`)),
      fc
        .array(fc.tuple(fc.nat(text.length - 1), fc.nat(255)), { minLength: 1, maxLength: 30 })
        .map((changes) => {
          const changed = Buffer.from(text);
          for (const [at, byte] of changes) changed[at] = byte;
          return changed;
        }),
      fc
        .tuple(fc.nat(text.length), fc.nat(text.length), fc.uint8Array({ maxLength: 50 }))
        .map(([from, to, between]) => Buffer.concat([text.subarray(0, from), between, text.subarray(to)])),
    );
    await fc.assert(
      fc.asyncProperty(garbage, async (bytes) => {
        const records = await recordsOf(bytes, { now }).catch((error: unknown) => {
          if (error instanceof ManifestError) return [];
          throw error;
        });
        const written = bytes.toString("latin1").replaceAll(/\s/g, "");
        for (const [index, record] of records.entries()) {
          expect(record.ordinal).toBe(index);
          if (record.kind !== "device") continue;
          expect(written.includes(Buffer.from(record.der).toString("base64"))).toBe(true);
          expect(written.includes(record.deviceId.replaceAll(/\s/g, ""))).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
