import "reflect-metadata";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { KeyUsageFlags, KeyUsagesExtension } from "@peculiar/x509";
import { describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, manifest7z, manifestCsv } from "../../tools/factory/index.ts";
import { readManifest } from "./reader.ts";
import type { ManifestRecord } from "./records.ts";
import { failureOf, recordsOf, storedManifest } from "./testing.ts";

const issuer = await createIssuer();
const [first, second, third] = await Promise.all([
  issuer.issueDevice({ batchId: "D001" }),
  issuer.issueDevice({ batchId: "D001" }),
  issuer.issueDevice({ batchId: "D001" }),
]);
const HEADER = "device_id,group_id,certificate\n";

function row(
  device: FactoryDevice,
  change: { id?: string; group?: string; certificate?: string } = {},
): string {
  const { id = device.deviceId, group = "D001", certificate = device.pem } = change;
  return `${id},${group},"${certificate}"\n`;
}

/** What came of each entry: its device id, or the reason it was refused. */
function outcomes(records: readonly ManifestRecord[]): string[] {
  return records.map((record) => (record.kind === "device" ? record.deviceId : record.reason));
}

async function refusalOf(csvRow: string): Promise<Extract<ManifestRecord, { kind: "refused" }>> {
  const records = await recordsOf(HEADER + csvRow + row(second));
  expect(outcomes(records)).toEqual([expect.any(String), second.deviceId]);
  const [refused] = records;
  if (refused?.kind !== "refused") throw new Error("the entry was accepted");
  expect(refused.message).not.toContain("MII");
  return refused;
}

describe("an accepted device", () => {
  it("has all that the ferry needs of it", async () => {
    const records = await recordsOf(manifestCsv([first, second], { batchId: "D001" }));
    const notAfter = expect.any(Date);
    const common = { kind: "device", issuer: issuer.name, keyType: "P-256", notAfter };
    const fingerprint = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(records).toEqual([
      {
        ...common,
        ordinal: 0,
        row: 2,
        deviceId: first.deviceId,
        der: Buffer.from(first.der),
        fingerprint,
        serial: first.serial,
      },
      {
        ...common,
        ordinal: 1,
        row: 2 + first.pem.split("\n").length,
        deviceId: second.deviceId,
        der: Buffer.from(second.der),
        fingerprint,
        serial: second.serial,
      },
    ]);
  });

  it.each(["P-384", "P-521", "RSA-2048", "Ed25519"] as const)("may have a %s key", async (keyType) => {
    const device = await issuer.issueDevice({ batchId: "D001", keyType });
    const [record] = await recordsOf(HEADER + row(device));
    expect(record).toMatchObject({ kind: "device", keyType });
  });

  it("belongs to the reel whatever the case of its group", async () => {
    const records = await recordsOf(HEADER + row(first, { group: "d001" }), { batchId: "D001" });
    expect(outcomes(records)).toEqual([first.deviceId]);
  });

  it("keeps its ordinal and row at every reading of the same bytes", async () => {
    const content = `${HEADER}\n\n${row(first, { group: "D002" })}junk\n${row(first)}${row(second)}`;
    const now = new Date();
    const places = (records: ManifestRecord[]) => records.map(({ ordinal, row }) => [ordinal, row]);
    const readings = [await recordsOf(content, { now }), await recordsOf(content, { now })];
    expect(places(readings[0] ?? [])).toEqual(places(readings[1] ?? []));
    expect(outcomes(readings[0] ?? [])).toEqual([
      "WrongGroup",
      "RowUnreadable",
      first.deviceId,
      second.deviceId,
    ]);
    expect(readings[0]?.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3]);
    expect(readings[0]?.[0]?.row).toBe(4);
  });
});

describe("a refused entry", () => {
  it("RowUnreadable: fields are missing, or too many", async () => {
    await expect(refusalOf("just one\n")).resolves.toMatchObject({ reason: "RowUnreadable", row: 2 });
    const tooMany = await refusalOf(`${first.deviceId},D001,a,b,c\n`);
    expect(tooMany).toMatchObject({ reason: "RowUnreadable" });
    expect(tooMany.message).toContain("5 fields");
  });

  it("RowUnreadable: a quoted field that is not closed costs no neighbour", async () => {
    const refused = await refusalOf(`${first.deviceId},D001,"${first.pem}`);
    expect(refused).toMatchObject({ reason: "RowUnreadable", row: 2 });
  });

  it("MissingDeviceId, InvalidDeviceId", async () => {
    await expect(refusalOf(row(first, { id: " " }))).resolves.toMatchObject({ reason: "MissingDeviceId" });
    const long = await refusalOf(row(first, { id: "x".repeat(129) }));
    expect(long).toMatchObject({ reason: "InvalidDeviceId" });
    expect(long.deviceId).toBeUndefined();
    const escaped = await refusalOf(row(first, { id: "a\u001B[31mb\u202Ec" }));
    expect(escaped).toMatchObject({ reason: "InvalidDeviceId", deviceId: "a\u00B7[31mb\u00B7c" });
  });

  it("WrongGroup: another group, or none", async () => {
    const other = await refusalOf(row(first, { group: "D002" }));
    expect(other).toMatchObject({ reason: "WrongGroup", deviceId: first.deviceId });
    expect(other.message).toContain('"D002"');
    await expect(refusalOf(row(first, { group: "" }))).resolves.toMatchObject({ reason: "WrongGroup" });
  });

  it("repeats no certificate where the columns are mixed up", async () => {
    const mixed = `"${first.pem}",D001,${first.deviceId}\n`;
    const refused = [await refusalOf(mixed), await refusalOf(`${first.deviceId},"${first.pem}",D001\n`)];
    expect(refused.map((record) => record.reason)).toEqual(["InvalidDeviceId", "WrongGroup"]);
    expect(JSON.stringify(refused)).not.toMatch(/MII|BEGIN/);
  });

  it.each([
    ["nothing", ""],
    ["no base64", "not a certificate!"],
    ["base64 of something else", Buffer.from("something else").toString("base64")],
    ["a damaged certificate", first.pem.replace(/MII.{40}/, (text) => text.slice(0, -8) + "AAAAAAAA")],
    ["PEM without its end", first.pem.slice(0, 200)],
    ["PEM with characters that are not base64", first.pem.replace("MII", "M*I")],
    ["a certificate and more", Buffer.concat([first.der, Buffer.from("more")]).toString("base64")],
    ["a certificate in PEM and more", `${first.pem}more\n`],
    ["a public key", first.pem.replaceAll("CERTIFICATE", "PUBLIC KEY")],
  ])("CertificateUnreadable: %s", async (_, certificate) => {
    const refused = await refusalOf(row(first, { certificate }));
    expect(refused).toMatchObject({ reason: "CertificateUnreadable", deviceId: first.deviceId });
  });

  it("ChainInsteadOfLeaf", async () => {
    const refused = await refusalOf(row(first, { certificate: first.pem + issuer.pem }));
    expect(refused).toMatchObject({ reason: "ChainInsteadOfLeaf" });
    expect(refused.message).toContain("2 PEM blocks");
  });

  it("InvalidSerial: longer than 20 bytes", async () => {
    const longest = await issuer.issueDevice({ batchId: "D001", serial: "F".repeat(40) });
    await expect(recordsOf(HEADER + row(longest))).resolves.toMatchObject([{ serial: "F".repeat(40) }]);
    const device = await issuer.issueDevice({ batchId: "D001", serial: "7".repeat(42) });
    const refused = await refusalOf(row(device));
    expect(refused.reason).toBe("InvalidSerial");
    expect(refused.message).toContain("21 bytes");
  });

  it("UnsupportedKey: a curve that no product cloud takes", async () => {
    for (const namedCurve of ["secp256k1", "brainpoolP256r1"]) {
      const { publicKey } = generateKeyPairSync("ec", { namedCurve });
      const odd = await issuer.sign({
        subject: "CN=odd",
        publicKey,
        notBefore: new Date(Date.now() - 1000),
        notAfter: new Date(Date.now() + 3_600_000),
        extensions: [],
      });
      const refused = await refusalOf(row(first, { certificate: odd.pem }));
      expect(refused.reason).toBe("UnsupportedKey");
      expect(refused.message).toContain(namedCurve);
    }
  });

  it("NotALeaf: it may sign certificates, though it does not call itself an authority", async () => {
    const signer = await issuer.sign({
      subject: "CN=signer",
      publicKey: createPublicKey(first.privateKey),
      notBefore: new Date(Date.now() - 1000),
      notAfter: new Date(Date.now() + 3_600_000),
      extensions: [new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true)],
    });
    const refused = await refusalOf(row(first, { certificate: signer.pem }));
    expect(refused.reason).toBe("NotALeaf");
  });

  it("NotALeaf", async () => {
    await expect(refusalOf(row(first, { certificate: issuer.pem }))).resolves.toMatchObject({
      reason: "NotALeaf",
    });
    const authority = await issuer.issueDevice({ batchId: "D001", certificateAuthority: true });
    await expect(refusalOf(row(authority))).resolves.toMatchObject({ reason: "NotALeaf" });
  });

  it.each([
    ["RSA-1024", "1024 bits"],
    ["P-224", "secp224r1"],
  ] as const)("WeakKey: %s", async (keyType, said) => {
    const refused = await refusalOf(row(await issuer.issueDevice({ batchId: "D001", keyType })));
    expect(refused.reason).toBe("WeakKey");
    expect(refused.message).toContain(said);
  });

  it("CertificateExpired and CertificateNotYetValid are decided by `now`", async () => {
    const device = await issuer.issueDevice({
      batchId: "D001",
      notBefore: new Date("2030-01-01T00:00:00Z"),
      notAfter: new Date("2030-12-31T00:00:00Z"),
    });
    const at = async (now: string) => outcomes(await recordsOf(HEADER + row(device), { now: new Date(now) }));
    await expect(at("2029-12-31T23:59:59Z")).resolves.toEqual(["CertificateNotYetValid"]);
    await expect(at("2030-06-01T00:00:00Z")).resolves.toEqual([device.deviceId]);
    await expect(at("2031-01-01T00:00:01Z")).resolves.toEqual(["CertificateExpired"]);
  });

  it("DuplicateCertificate and DuplicateDevice: the first stays, later ones are refused", async () => {
    const records = await recordsOf(
      HEADER +
        row(first) +
        row(first, { id: "another" }) +
        row(first) +
        row(second, { id: first.deviceId }) +
        row(second) +
        row(third),
    );
    expect(outcomes(records)).toEqual([
      first.deviceId,
      "DuplicateCertificate",
      "DuplicateCertificate",
      "DuplicateDevice",
      second.deviceId,
      third.deviceId,
    ]);
  });

  it("takes nobody's place: what is refused may come again in good order", async () => {
    const records = await recordsOf(HEADER + row(first, { group: "D002" }) + row(first));
    expect(outcomes(records)).toEqual(["WrongGroup", first.deviceId]);
  });
});

describe("a private key", () => {
  const pem = first.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const sec1 = first.privateKey.export({ type: "sec1", format: "pem" }).toString();
  const der = first.privateKey.export({ type: "pkcs8", format: "der" });
  const encrypted = first.privateKey
    .export({ type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase: "x" })
    .toString("base64");

  const jwk = JSON.stringify(first.privateKey.export({ format: "jwk" }));
  const beside = row(second).trimEnd();

  it.each([
    ["in the place of the certificate", `dev,D001,"${pem}"\n`],
    ["after the certificate", row(second, { certificate: second.pem + pem })],
    ["in a row of another group", row(second, { group: "D009", certificate: sec1 })],
    ["with escaped line ends", `dev,D001,${pem.replaceAll("\n", String.raw`\n`)}\n`],
    ["as base64 of PEM", `dev,D001,${Buffer.from(pem).toString("base64")}\n`],
    [
      "as base64 of PEM behind a certificate",
      `dev,D001,${Buffer.from(second.pem + pem).toString("base64")}\n`,
    ],
    ["as base64 DER", `dev,D001,${der.toString("base64")}\n`],
    ["encrypted, as base64 DER", `dev,D001,${encrypted}\n`],
    ["in a row that cannot be read", `dev,D001,x"${pem}\n`],
    ["below the table", `\n${pem}`],
    [
      "as base64 of PEM in short lines",
      `dev,D001,"${Buffer.from(pem).toString("base64").replaceAll(/.{16}/g, "$&\n")}"\n`,
    ],
    ["as base64 of PEM in UTF-16", `dev,D001,${Buffer.from(pem, "utf16le").toString("base64")}\n`],
    ["as base64 DER in a further column, behind blanks", `${beside}," \n${der.toString("base64")}"\n`],
    [
      "as base64 of PEM in short lines, in a further column",
      `${beside},"${Buffer.from(pem).toString("base64").replaceAll(/.{16}/g, "$&\n")}"\n`,
    ],
    [
      "as base64 DER behind many blanks",
      `${beside},"${" ".repeat(600)}${String.raw`\r\n`}${der.toString("base64")}"\n`,
    ],
    ["as base64url in a further column", `${beside},${der.toString("base64url")}\n`],
    ["as hex in a further column", `${beside},${der.toString("hex")}\n`],
    [
      "as hex with colons",
      `${beside},0x${der
        .toString("hex")
        .replaceAll(/..(?=.)/g, "$&:")
        .toUpperCase()}\n`,
    ],
    ["as a JWK in a further column", `${beside},"${jwk.replaceAll('"', '""')}"\n`],
  ])("refuses the whole manifest: %s", async (_, rows) => {
    await using manifest = await storedManifest(`device_id,group_id,certificate,note\n${row(first)}${rows}`);
    const reading = Array.fromAsync(
      readManifest(manifest, { batchId: "D001", now: new Date() }, AbortSignal.timeout(30_000)),
    );
    const error = await failureOf(reading);
    expect(error.reason).toBe("ContainsPrivateKey");
    expect(error.transient).toBe(false);
    expect(error.message).not.toContain("BEGIN");
    expect(manifest.discarded).toBe(true);
  });

  it("refuses the whole manifest: in a column of its own", async () => {
    const content = `device_id,group_id,certificate,private_key\n${first.deviceId},D001,"${first.pem}",${der.toString("base64")}\n`;
    const error = await failureOf(recordsOf(content));
    expect(error.reason).toBe("ContainsPrivateKey");
  });

  it("refuses the whole manifest: as base64 of PEM in UTF-16 text", async () => {
    const packed = Buffer.from(pem).toString("base64");
    const content = Buffer.from(`\uFEFF${HEADER}dev,D001,${packed}\nx,"y"z,${packed}\n`, "utf16le");
    await expect(failureOf(recordsOf(content))).resolves.toMatchObject({ reason: "ContainsPrivateKey" });
    const unread = Buffer.from(`\uFEFF${HEADER}x,"y"z,${packed}\n`, "utf16le");
    await expect(failureOf(recordsOf(unread))).resolves.toMatchObject({ reason: "ContainsPrivateKey" });
  });

  it.each([
    ["in DER", der],
    ["in base64 of DER", der.toString("base64")],
    ["in hex of DER, in UTF-16", Buffer.from(`\uFEFF${der.toString("hex")}`, "utf16le")],
    ["as a JWK", jwk],
  ])("refuses a file that is nothing else: %s", async (_, content) => {
    await expect(failureOf(recordsOf(content))).resolves.toMatchObject({ reason: "ContainsPrivateKey" });
  });

  it("takes no device id, certificate or public key for one", async () => {
    const hex = Buffer.from(first.der).toString("hex");
    const publicKey = createPublicKey(first.privateKey);
    const publicJwk = JSON.stringify(publicKey.export({ format: "jwk" })).replaceAll('"', '""');
    const spki = publicKey.export({ type: "spki", format: "der" }).toString("base64url");
    const notes = [hex, spki, `"${publicJwk}"`, "3082010002010030", "MIIB", '"{""d"": ""x""}"'];
    const records = await recordsOf(
      `device_id,group_id,certificate,note\n${notes.map((note) => `${beside},${note}\n`).join("")}`,
    );
    expect(outcomes(records)).toEqual([second.deviceId, ...notes.slice(1).map(() => "DuplicateCertificate")]);
  });

  it("refuses the whole manifest: in UTF-16", async () => {
    const content = Buffer.from(`\uFEFF${HEADER}dev,D001,"${pem}"\n`, "utf16le");
    await expect(failureOf(recordsOf(content))).resolves.toMatchObject({ reason: "ContainsPrivateKey" });
    await expect(failureOf(recordsOf(content.swap16()))).resolves.toMatchObject({
      reason: "ContainsPrivateKey",
    });
  });
});

describe("a whole that is no manifest", () => {
  it.each([
    ["an empty file", "", "ManifestEmpty"],
    ["blank lines", "\r\n \n\n", "ManifestEmpty"],
    ["a header without rows", HEADER, "ManifestEmpty"],
    ["a header and blank rows", `${HEADER}\n,,\n\u001A`, "ManifestEmpty"],
    ["rows without a header", row(first), "NotAManifest"],
    ["another table", "name,price\napple,1\n", "NotAManifest"],
    ["a column named twice", "device_id,group_id,certificate,Certificate\n", "NotAManifest"],
    ["an HTML page", "\n<!DOCTYPE html><html><body>Sign in</body></html>", "NotAManifest"],
    ["an XML document", '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "NotAManifest"],
    ["a JSON document", '{"error": "not found"}', "NotAManifest"],
    ["a PEM file", first.pem, "NotAManifest"],
    ["a zip archive", Buffer.from("504b0304140000000800", "hex"), "NotAManifest"],
    ["a gzip file", Buffer.from("1f8b0800000000000003", "hex"), "NotAManifest"],
    [
      "binary data",
      Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 256)),
      "NotAManifest",
    ],
    ["one endless line", "a".repeat(1024 * 1024), "ManifestTooLarge"],
    ["one endless field", `${HEADER}dev,D001,${"A".repeat(1024 * 1024)}\n`, "ManifestTooLarge"],
    [
      "one endless line in a quoted field",
      `${HEADER}dev,D001,"${"A".repeat(1024 * 1024)}"\n`,
      "ManifestTooLarge",
    ],
  ] as const)("%s", async (_, content, reason) => {
    await using manifest = await storedManifest(content);
    const reading = Array.fromAsync(
      readManifest(manifest, { batchId: "D001", now: new Date() }, AbortSignal.timeout(30_000)),
    );
    const error = await failureOf(reading);
    expect(error).toMatchObject({ reason, transient: false });
    // It was not searched to its end, and may hold a private key.
    expect(manifest.discarded).toBe(true);
  });

  it("says what it is instead, or which columns were expected", async () => {
    const said = async (content: string) => (await failureOf(recordsOf(content))).message;
    await expect(said("<html></html>")).resolves.toContain("HTML page");
    await expect(said("[1]")).resolves.toContain("JSON");
    await expect(said("device_id;certificate\n")).resolves.toMatch(
      /device_id, group_id, certificate.*group_id is missing/,
    );
    await expect(said(row(first))).resolves.not.toContain(first.deviceId);
  });

  it("a format that is not known", async () => {
    const error = await failureOf(recordsOf(HEADER + row(first), { format: "Espresso" }));
    expect(error).toMatchObject({ reason: "NotAManifest" });
    expect(error.message).toContain("CloudIdCsv");
    const records = await recordsOf(HEADER + row(first), { format: "CloudIdCsv" });
    expect(outcomes(records)).toEqual([first.deviceId]);
  });
});

describe("reading", () => {
  it("takes time in proportion to the length of runs of backslashes", async () => {
    const content = `${HEADER}${`dev,D001,${"\\".repeat(64_000)}\n`.repeat(3)}`;
    const started = performance.now();
    const records = await recordsOf(content, { limits: { maxRecordBytes: 70_000 } });
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(outcomes(records)).toEqual(records.map(() => "CertificateUnreadable"));
    expect(records).toHaveLength(3);
  });

  it.each([
    ["rows that are refused", 60_000, (n: number) => `dev-${n},D001,x\n`],
    ["rows that cannot be read", 3_000, (n: number) => `dev-${n},D0"01,x\n`],
  ])("lets others have the event loop: %s", async (_, count, rowOf) => {
    const content = HEADER + Array.from({ length: count }, (_row, n) => rowOf(n)).join("");
    const packed = await manifest7z(content, "D001.csv", { level: 1 });
    // Measured in CPU time of this thread: what other processes take of the machine does not count.
    const cpuMs = (): number => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1_000;
    };
    const turns = [cpuMs()];
    const ticking = setInterval(() => turns.push(cpuMs()), 1);
    for (const bytes of [content, packed]) await expect(recordsOf(bytes)).resolves.toHaveLength(count);
    clearInterval(ticking);
    turns.push(cpuMs());
    const gaps = turns.slice(1).map((at, index) => at - (turns[index] ?? 0));
    const sum = (numbers: number[]): number => numbers.reduce((total, next) => total + next, 0);
    // How long the gap is that an instant falls into; the longest of all may be a garbage collection.
    expect(sum(gaps.map((gap) => gap ** 2)) / sum(gaps)).toBeLessThan(100);
  });

  it("stops when its signal aborts", async () => {
    const devices = await issuer.issueMany(60, { batchId: "D001" });
    await using manifest = await storedManifest(manifestCsv(devices, { batchId: "D001" }));
    const stop = new AbortController();
    const seen: ManifestRecord[] = [];
    const read = async (): Promise<void> => {
      for await (const record of readManifest(manifest, { batchId: "D001", now: new Date() }, stop.signal)) {
        seen.push(record);
        stop.abort();
      }
    };
    await expect(read()).rejects.toMatchObject({ name: "AbortError" });
    expect(seen.length).toBeLessThan(60);
  });
});
