import fc from "fast-check";
import { expect, it } from "vitest";
import type { ManifestRecord } from "../records.ts";
import { decodeRecords, mostBytesOf, writeRecord } from "./records.ts";

const row = fc.nat(0xffff_ffff);
const text = fc.string({ unit: "binary", maxLength: 128 });
const device = fc.record({
  deviceId: text,
  serial: fc.string({ unit: fc.constantFrom("0", "1", "9", "A", "F", "-"), maxLength: 41 }),
  der: fc.uint8Array({ maxLength: 2000 }),
  row,
});
const refused = fc.record(
  { deviceId: text, message: fc.string({ unit: "binary", maxLength: 500 }), row },
  { requiredKeys: ["message", "row"] },
);

it("gives back the records that were written, but for those that are skipped", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(device, refused), { maxLength: 12 }),
      fc.nat(1_000_000),
      fc.nat(7),
      (entries, first, skipped) => {
        const records = entries.map((entry, index): ManifestRecord => {
          const ordinal = first + index;
          if ("message" in entry) return { kind: "refused", ordinal, reason: "WrongGroup", ...entry };
          const rest = { issuer: "CN=x", notAfter: new Date(0), keyType: "P-256", fingerprint: "00" };
          return { kind: "device", ordinal, ...entry, ...rest };
        });
        const room = Buffer.alloc(records.reduce((sum, record) => sum + mostBytesOf(record), 0));
        const bytes = room.subarray(
          0,
          records.reduce((at, record) => writeRecord(record, room, at), 0),
        );
        const kept = records.filter(({ ordinal }) => ordinal % 7 !== skipped);
        expect(decodeRecords(bytes, first, (ordinal) => ordinal % 7 === skipped)).toEqual(
          kept.map((record) => {
            if (record.kind === "refused") return record;
            const { kind, ordinal, row, deviceId, der, serial } = record;
            return { kind, ordinal, row, deviceId, serial, der: Buffer.from(der) };
          }),
        );
      },
    ),
  );
});
