import { describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, pack7z } from "../../../tools/factory/index.ts";
import { keyed, storeBench, storedRecords } from "../archives/testing.ts";
import type { ManifestError } from "../errors.ts";
import { inspectManifest } from "../inspect.ts";
import type { ManifestRecord, ReadLimits } from "../records.ts";
import { failureOf } from "../testing.ts";
import { allKits, type Item, type Kit, type Shape } from "./testing/kits.ts";

const issuer = await createIssuer();
const [first, second, third] = (await Promise.all(
  [1, 2, 3].map(() => issuer.issueDevice({ batchId: "D001" })),
)) as [FactoryDevice, FactoryDevice, FactoryDevice];
const { kits } = await allKits();
const MIB = 1024 * 1024;

/** What came of each entry: its device id, or the reason it was refused. */
function outcomes(records: readonly ManifestRecord[]): string[] {
  return records.map((record) => (record.kind === "device" ? record.deviceId : record.reason));
}

async function refusedWhole(
  bytes: Uint8Array,
  kit: Kit,
  o: { format?: string; limits?: Partial<ReadLimits> } = {},
): Promise<ManifestError> {
  await using bench = await storeBench(o.limits);
  bench.content.set("m", bytes);
  const signal = AbortSignal.timeout(60_000);
  const options = { batchId: kit.batchId, now: new Date(), ...o };
  const reading = bench.store
    .fetch(keyed("m"), {}, signal)
    .then((manifest) => inspectManifest(manifest, options, signal));
  const error = await failureOf(reading);
  expect(error).toMatchObject({ transient: false });
  // Whatever it was refused for, nothing of it stays.
  expect(await bench.kept()).toEqual([]);
  expect(error.message).not.toMatch(/MII|BEGIN/);
  return error;
}

describe.each(kits.map((kit) => [kit.format, kit] as const))("what can be wrong: %s", (_, kit) => {
  const item = (certificate: string, more: Partial<Item> = {}): Item => ({
    id: kit.newId(),
    certificate,
    ...more,
  });
  const read = async (items: readonly Item[], shape?: Shape): Promise<ManifestRecord[]> =>
    storedRecords(await kit.write(items, shape), { batchId: kit.batchId, format: kit.format });
  /** What comes of one entry between two good ones, which it must not harm. */
  const alone = async (certificate: string, more: Partial<Item> = {}): Promise<string | undefined> => {
    const items = [item(first.pem), item(certificate, more), item(second.pem)];
    const ids = [items[0]?.id, items[2]?.id];
    const records = await read(items);
    const found = outcomes(records);
    expect(found).toEqual(expect.arrayContaining(ids));
    expect(records.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2]);
    return found.find((outcome) => !ids.includes(outcome));
  };

  it("nothing", async () => {
    const items = [first, second, third].map(({ pem }) => item(pem));
    expect(new Set(outcomes(await read(items)))).toEqual(new Set(items.map(({ id }) => id)));
  });

  it("a truncated archive", async () => {
    const archive = await kit.pack([item(first.pem)]);
    for (const length of [20, archive.length / 2, archive.length - 1]) {
      const error = await refusedWhole(archive.subarray(0, length), kit);
      expect(error).toMatchObject({ reason: "ArchiveUnreadable" });
    }
  });

  it("an archive bomb", async () => {
    const bomb = await kit.pack([item(first.pem), item("A".repeat(32 * MIB))]);
    expect(bomb.length).toBeLessThan(MIB);
    const error = await refusedWhole(bomb, kit);
    expect(error).toMatchObject({ reason: "ManifestTooLarge" });
    expect(error.message).toContain("bomb");
    const large = await refusedWhole(bomb, kit, { limits: { maxContentBytes: 8 * MIB, maxRatio: 1e6 } });
    expect(large).toMatchObject({ reason: "ManifestTooLarge" });
  });

  it("a password that is needed", async () => {
    const error = await refusedWhole(await kit.pack([item(first.pem)], { password: "secret" }), kit);
    expect(error).toMatchObject({ reason: "PasswordRequired" });
  });

  it("an HTML error page, by itself and in an archive", async () => {
    const page = "<!DOCTYPE html><html><body>Sign in</body></html>";
    for (const bytes of [Buffer.from(page), await pack7z({ "manifest.csv": page })]) {
      const error = await refusedWhole(bytes, kit, { format: kit.format });
      expect(error).toMatchObject({ reason: "NotAManifest" });
      expect(error.message).toContain(kit.format);
      expect(error.message).toContain("HTML page");
    }
  });

  it("two devices with one certificate", async () => {
    await expect(alone(first.pem)).resolves.toBe("DuplicateCertificate");
  });

  it("one device twice with different certificates", async () => {
    const one = item(first.pem);
    const records = await read([one, item(second.pem), item(third.pem, { id: one.id })]);
    expect(outcomes(records)).toContain(one.id);
    expect(outcomes(records)).toContain("DuplicateDevice");
    expect(records).toHaveLength(3);
  });

  it("a chain instead of a leaf", async () => {
    await expect(alone(`${third.pem}${issuer.pem}`)).resolves.toBe("ChainInsteadOfLeaf");
  });

  const key = second.privateKey;
  const pem = key.export({ type: "pkcs8", format: "pem" }).toString();
  it.each([
    ["in PEM", pem],
    ["in PEM behind the certificate", first.pem + key.export({ type: "sec1", format: "pem" }).toString()],
    ["in base64 of DER", key.export({ type: "pkcs8", format: "der" }).toString("base64")],
    ["in base64 of PEM", Buffer.from(pem).toString("base64")],
  ])("a private key in the file, %s", async (_, certificate) => {
    const items = [item(first.pem), item(certificate)];
    const written = [await kit.write(items), ...(certificate === pem ? [await kit.pack(items)] : [])];
    for (const bytes of written) {
      const error = await refusedWhole(bytes, kit);
      expect(error).toMatchObject({ reason: "ContainsPrivateKey" });
    }
  });

  it("a private key in the file, in UTF-16", async () => {
    for (const utf16 of ["le", "be"] as const) {
      const error = await refusedWhole(await kit.write([item(pem)], { utf16 }), kit);
      expect(error).toMatchObject({ reason: "ContainsPrivateKey" });
    }
  });

  it.each([
    ["CRLF", { crlf: true }],
    ["BOM", { bom: true }],
    ["UTF-16, the lower byte first", { utf16: "le" }],
    ["UTF-16, the higher byte first, with CRLF", { utf16: "be", crlf: true }],
  ] as const)("%s", async (_, shape) => {
    const items = [item(first.pem), item(second.pem)];
    expect(outcomes(await read(items, shape)).toSorted()).toEqual(items.map(({ id }) => id).toSorted());
  });

  it.runIf(kit.isTable)("a semicolon for a comma", async () => {
    const items = [item(first.pem), item(second.pem)];
    expect(outcomes(await read(items, { semicolons: true }))).toEqual(items.map(({ id }) => id));
  });

  it("`\\n` written as two characters", async () => {
    const id = kit.newId();
    const escaped = third.pem.replaceAll("\n", String.raw`\n`);
    await expect(alone(escaped, { id })).resolves.toBe(id);
  });

  it("trailing junk", async () => {
    const items = [item(first.pem), item(second.pem)];
    const ids = items.map(({ id }) => id);
    // In a table, what stands behind the last row is a row of its own; in a PEM file it spoils that file.
    const spoiled = ["CertificateUnreadable", "CertificateUnreadable"];
    const isPem = kit.format === "OptigaTrustM";
    expect(outcomes(await read(items, { trailing: "\n \u001A" }))).toEqual(ids);
    const junk = outcomes(await read(items, { trailing: "\njunk" }));
    expect(junk).toEqual(isPem ? spoiled : [...ids, "RowUnreadable"]);
  });

  it("trailing junk behind an archive", async () => {
    const archive = await kit.pack([item(first.pem)]);
    const junk = Buffer.concat([archive, Buffer.alloc(100, "junk")]);
    const records = await storedRecords(junk, { batchId: kit.batchId });
    expect(records.map(({ kind }) => kind)).toEqual(["device"]);
  });

  it.runIf(kit.hasGroups)("a certificate of another group", async () => {
    const other = kit.format === "OptigaTrustM" ? "0A091B5C001500FF" : "D002";
    await expect(alone(third.pem, { group: other })).resolves.toBe("WrongGroup");
  });

  it("expired or not yet valid", async () => {
    const day = 24 * 3600 * 1000;
    const issue = (notBefore: number, notAfter: number) =>
      issuer.issueDevice({ batchId: "", notBefore: new Date(notBefore), notAfter: new Date(notAfter) });
    const now = Date.now();
    const expired = await issue(now - 2 * day, now - day);
    await expect(alone(expired.pem)).resolves.toBe("CertificateExpired");
    const early = await issue(now + day, now + 2 * day);
    await expect(alone(early.pem)).resolves.toBe("CertificateNotYetValid");
  });

  it("a CA certificate as a leaf", async () => {
    await expect(alone(issuer.pem)).resolves.toBe("NotALeaf");
  });

  it("a key too weak (RSA 1024)", async () => {
    const weak = await issuer.issueDevice({ batchId: "", keyType: "RSA-1024" });
    await expect(alone(weak.pem)).resolves.toBe("WeakKey");
  });

  it("zero rows", async () => {
    const error = await refusedWhole(await kit.write([]), kit);
    expect(error).toMatchObject({ reason: "ManifestEmpty" });
  });

  it("another format than the one that is declared: it is said what the file looks like", async () => {
    const bytes = await kit.write([item(first.pem)]);
    for (const other of kits.filter(({ format }) => format !== kit.format)) {
      const error = await refusedWhole(bytes, kit, { format: other.format });
      expect(error).toMatchObject({ reason: "NotAManifest" });
      expect(error.message).toMatch(
        new RegExp(`format says ${other.format}, but the file looks like an? .*(CSV|JSON|archive)`),
      );
    }
  });
});
