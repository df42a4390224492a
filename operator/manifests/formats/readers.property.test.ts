import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIssuer } from "../../../tools/factory/index.ts";
import { storedRecords } from "../archives/testing.ts";
import { ManifestError } from "../errors.ts";
import type { ManifestRecord } from "../records.ts";
import { recordsOf } from "../testing.ts";
import { allKits, type Kit } from "./testing/kits.ts";

const issuer = await createIssuer();
const devices = await issuer.issueMany(4, { batchId: "D001" });
const secret = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const secretDer = secret.export({ type: "pkcs8", format: "der" });
const { kits } = await allKits();
const now = new Date();

/** Whatever a reading gives, also the message it fails with; anything but a ManifestError is thrown. */
async function outcome(reading: Promise<ManifestRecord[]>): Promise<ManifestRecord[] | ManifestError> {
  return reading.catch((error: unknown) => {
    if (error instanceof ManifestError) return error;
    throw error;
  });
}

/** Changes of a file: bytes replaced, a piece taken out, something put between. */
function mutations(length: number): fc.Arbitrary<(bytes: Buffer) => Buffer> {
  const at = fc.nat(length - 1);
  return fc.oneof(
    fc.array(fc.tuple(at, fc.nat(255)), { minLength: 1, maxLength: 20 }).map((changes) => (bytes: Buffer) => {
      const changed = Buffer.from(bytes);
      for (const [place, byte] of changes) changed[place] = byte;
      return changed;
    }),
    fc.tuple(at, at, fc.uint8Array({ maxLength: 40 })).map(
      ([from, to, between]) =>
        (bytes: Buffer) =>
          Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(to)]),
    ),
  );
}

async function written(kit: Kit): Promise<Buffer> {
  return kit.write(devices.map(({ pem }) => ({ id: kit.newId(), certificate: pem })));
}

describe.each(kits.map((kit) => [kit.format, kit] as const))("%s, whatever the bytes:", (_, kit) => {
  const isArchive = kit.format === "OptigaTrustM";
  const read = isArchive ? storedRecords : recordsOf;
  // Each archive takes a thread or two, and half a second.
  const numRuns = isArchive ? 25 : 300;
  const options = { batchId: kit.batchId, now };

  it("no certificate comes out that was not put in, and nothing but a ManifestError", async () => {
    const bytes = await written(kit);
    const good = new Set(devices.map(({ der }) => Buffer.from(der).toString("hex")));
    await fc.assert(
      fc.asyncProperty(mutations(bytes.length), async (change) => {
        const found = await outcome(read(change(bytes), options));
        if (found instanceof ManifestError) return;
        expect(found.map(({ ordinal }) => ordinal)).toEqual(found.map((_record, index) => index));
        const ders = found.flatMap((record) =>
          record.kind === "device" ? [Buffer.from(record.der).toString("hex")] : [],
        );
        // A byte that is changed within a certificate's signature leaves one that can be read.
        const changed = ders.filter((der) => !good.has(der));
        expect(changed.length).toBeLessThanOrEqual(devices.length);
        expect(new Set(ders).size).toBe(ders.length);
      }),
      { numRuns },
    );
  });

  it("a private key stands in no message and no record", async () => {
    const texts = [
      secret.export({ type: "pkcs8", format: "pem" }).toString(),
      secretDer.toString("base64"),
      Buffer.from(secret.export({ type: "pkcs8", format: "pem" })).toString("base64"),
    ];
    const entries = await Promise.all(
      texts.map((text) =>
        kit.write([
          { id: kit.newId(), certificate: devices[0]?.pem ?? "" },
          { id: kit.newId(), certificate: text },
        ]),
      ),
    );
    const parts = texts.map((text) => text.replaceAll(/-----[^-]*-----|\s/g, "").slice(20, 60));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2).chain((which) => {
          const bytes = entries[which] ?? Buffer.alloc(1);
          return mutations(bytes.length).map((change) => change(bytes));
        }),
        async (bytes) => {
          const found = await outcome(read(bytes, options));
          const said = found instanceof ManifestError ? found.message : JSON.stringify(found.map(shown));
          for (const part of parts) expect(said).not.toContain(part);
        },
      ),
      { numRuns },
    );
  });
});

/** What of a record is shown anywhere. */
function shown(record: ManifestRecord): unknown {
  if (record.kind === "refused") return record;
  const { deviceId, serial, issuer: by } = record;
  return [deviceId, serial, by];
}
