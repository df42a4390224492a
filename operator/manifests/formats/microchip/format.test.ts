import { hash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  createIssuer,
  createLogSigner,
  type FactoryDevice,
  type FlattenedJws,
  type JwsOptions,
  microchipJson,
  microchipJws,
  microchipUniqueId,
  pack7z,
} from "../../../../tools/factory/index.ts";
import type { ManifestRecord, ReadOptions } from "../../records.ts";
import { failureOf, recordsOf } from "../../testing.ts";

const issuer = await createIssuer();
const signer = await createLogSigner(issuer);
const other = await createLogSigner(issuer);
const [first, second, third, fourth] = await Promise.all([device(), device(), device(), device()]);
const YEAR_MS = 365.25 * 24 * 3600 * 1000;

function device(): Promise<FactoryDevice> {
  return issuer.issueDevice({ batchId: "", deviceId: microchipUniqueId() });
}

function jws(of: FactoryDevice, options: Partial<JwsOptions> = {}): FlattenedJws {
  return microchipJws(of, { groupId: "D001", signer, chain: [issuer.der], ...options });
}

function read(
  entries: readonly FlattenedJws[],
  options: Partial<ReadOptions> = {},
): Promise<ManifestRecord[]> {
  return recordsOf(microchipJson(entries), { signers: signer.pem, ...options });
}

function outcomes(records: readonly ManifestRecord[]): string[] {
  return records.map((record) => (record.kind === "device" ? record.deviceId : record.reason));
}

/** What comes of one entry between two good ones. */
async function alone(entry: object, options: Partial<ReadOptions> = {}): Promise<ManifestRecord | undefined> {
  const records = await read([jws(first), entry as FlattenedJws, jws(second)], options);
  expect(outcomes(records)).toEqual([first.deviceId, expect.any(String), second.deviceId]);
  expect(records.map(({ row }) => row)).toEqual([1, 2, 3]);
  return records[1];
}

describe("an entry", () => {
  it.each([1, 3] as const)("of version %i gives the first certificate of its chain", async (version) => {
    const record = await alone(jws(third, { version }));
    expect(record).toMatchObject({
      kind: "device",
      deviceId: third.deviceId,
      der: Buffer.from(third.der),
      keyType: "P-256",
    });
  });

  it("of version 2 has nothing to provision, and the rest goes on", async () => {
    const record = await alone(jws(third, { version: 2 }));
    expect(record).toMatchObject({ reason: "NoCertificate", deviceId: third.deviceId });
    expect(record).toMatchObject({ message: expect.stringContaining("nothing to provision") });
  });

  it("with certificates of several keys gives the one of the slot that is asked for", async () => {
    const x5c = (der: Uint8Array): string[] => [Buffer.from(der).toString("base64")];
    const keys = [
      { kid: "0", kty: "EC", x5c: x5c(third.der) },
      { kid: "2", kty: "EC", x5c: x5c(fourth.der) },
    ];
    const entries = [jws(third, { payload: { publicKeySet: { keys } } })];
    const derOf = async (certificateSlot?: string): Promise<unknown> => {
      const [record] = await read(entries, { certificateSlot });
      return record?.kind === "device" ? Buffer.from(record.der) : record?.message;
    };
    await expect(derOf()).resolves.toEqual(Buffer.from(third.der));
    await expect(derOf("2")).resolves.toEqual(Buffer.from(fourth.der));
    await expect(derOf("E0E1")).resolves.toContain("this entry has certificates of: 0, 2");
  });

  it.each([
    ["a member is missing", { ...jws(third), signature: undefined }],
    ["a member is no text", { ...jws(third), payload: 7 }],
    ["the payload is no base64url", { ...jws(third), payload: "not base64!" }],
    ["the payload is no JSON", { ...jws(third), payload: Buffer.from("{").toString("base64url") }],
    ["the payload is an array", { ...jws(third), payload: Buffer.from("[]").toString("base64url") }],
    ["the header is of another device", { ...jws(third), header: { uniqueId: first.deviceId } }],
    ["it is not signed", jws(third, { protected: { alg: "none" } })],
    ["it is signed with a shared secret", jws(third, { protected: { alg: "HS256" } })],
    ["it asks for what is not known", jws(third, { protected: { crit: ["b64"] } })],
    ["it is no JWS", { device: "x" }],
  ])("is refused alone where %s", async (_, entry) => {
    await expect(alone(entry)).resolves.toMatchObject({ reason: "RowUnreadable" });
  });

  it("needs an id of 18 hex digits", async () => {
    await expect(alone(jws({ ...third, deviceId: "0123" }))).resolves.toMatchObject({
      reason: "InvalidDeviceId",
    });
    await expect(alone(jws({ ...third, deviceId: "" }))).resolves.toMatchObject({
      reason: "MissingDeviceId",
    });
    const upper = await alone(jws({ ...third, deviceId: third.deviceId.toUpperCase() }));
    expect(upper).toMatchObject({ kind: "device", deviceId: third.deviceId });
  });

  it("needs a group", async () => {
    await expect(alone(jws(third, { groupId: "" }))).resolves.toMatchObject({ reason: "WrongGroup" });
    await expect(alone(jws(third, { groupId: "d001" }))).resolves.toMatchObject({ kind: "device" });
  });
});

describe("a signature", () => {
  const forged = { ...jws(third), payload: jws(third, { groupId: "D001", version: 1 }).payload };

  it("SignatureInvalid: of other content, of other bytes, or by another key", async () => {
    const good = jws(third);
    const asOther = { "x5t#S256": hash("sha256", other.der, "base64url") };
    const damaged = Buffer.from(good.signature, "base64url");
    damaged[5] = (damaged[5] ?? 0) ^ 1;
    for (const entry of [
      forged,
      { ...good, signature: damaged.toString("base64url") },
      { ...good, signature: good.signature.slice(0, 20) },
      { ...good, signature: "AA" },
      jws(third, { protected: asOther }),
    ]) {
      const record = await alone(entry, { signers: signer.pem + other.pem });
      expect(record).toMatchObject({ reason: "SignatureInvalid", deviceId: third.deviceId });
    }
  });

  it("SignerUnknown: by a signer that is not given, or none that is named", async () => {
    const record = await alone(jws(third, { signer: other }));
    expect(record).toMatchObject({ reason: "SignerUnknown" });
    const unnamed = await alone(jws(third, { protected: { "x5t#S256": undefined } }));
    expect(unnamed).toMatchObject({ reason: "SignerUnknown" });
    const records = await read([jws(third, { signer: other })], { signers: signer.pem + other.pem });
    expect(outcomes(records)).toEqual([third.deviceId]);
  });

  it("of a signer that has expired since is taken, for the time at which it signed", async () => {
    const past = await createLogSigner(issuer, {
      notBefore: new Date(Date.now() - 3 * YEAR_MS),
      notAfter: new Date(Date.now() - YEAR_MS),
    });
    const at = (years: number): FlattenedJws =>
      jws(third, { signer: past, provisionedAt: new Date(Date.now() - years * YEAR_MS) });
    const signers = past.pem + signer.pem;
    await expect(alone(at(2), { signers })).resolves.toMatchObject({ kind: "device" });
    await expect(alone(at(0.5), { signers })).resolves.toMatchObject({ reason: "SignerNotValid" });
    await expect(alone(at(4), { signers })).resolves.toMatchObject({ reason: "SignerNotValid" });
    const never = jws(third, { payload: { provisioningTimestamp: "some day" } });
    await expect(alone(never)).resolves.toMatchObject({ reason: "SignerNotValid" });
  });

  it("is not looked at where no signers are given", async () => {
    const records = await recordsOf(microchipJson([forged, jws(first, { signer: other })]));
    expect(outcomes(records)).toEqual([third.deviceId, first.deviceId]);
  });

  it.each([
    ["no certificate", "none"],
    ["a certificate that cannot be read", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"],
    ["a key that signs no ES256", issuer.pem],
    ["something else beside", `${signer.pem}-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n`],
  ])("InvalidSigners: %s", async (_, signers) => {
    const error = await failureOf(read([jws(first)], { signers }));
    expect(error).toMatchObject({ reason: "InvalidSigners", transient: false });
    expect(error.message).toContain("spec.manifest.signers");
  });
});

describe("a private key", () => {
  const jwk = third.privateKey.export({ format: "jwk" });
  const pem = third.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  it.each([
    ["as the device's own key", jws(third, { payload: { publicKeySet: { keys: [jwk] } } })],
    ["as a shared secret", jws(third, { payload: { keys: [{ kty: "oct", k: "c2VjcmV0" }] } })],
    ["in PEM, somewhere in the payload", jws(third, { payload: { note: { deep: [pem] } } })],
    ["in the protected header", jws(third, { protected: { jwk } })],
    ["beside", { ...jws(third), extra: Buffer.from(pem).toString("base64") }],
  ])("refuses the whole: %s", async (_, entry) => {
    const error = await failureOf(read([jws(first), entry]));
    expect(error).toMatchObject({ reason: "ContainsPrivateKey" });
    expect(error.message).not.toContain(jwk.d);
  });
});

describe("the file", () => {
  it("may stand in a .7z archive, and be written in one line", async () => {
    const packed = await pack7z({ "manifest.json": microchipJson([jws(first)], 0), "readme.txt": "x" });
    expect(outcomes(await recordsOf(packed))).toEqual([first.deviceId]);
  });

  it.each([
    ["truncated in an entry", (text: string) => text.slice(0, -100), "NotAManifest"],
    ["truncated between entries", (text: string) => text.slice(0, -1), "NotAManifest"],
    ["empty", () => "", "ManifestEmpty"],
    ["an empty array", () => "[ ]\n", "ManifestEmpty"],
    ["an array of something else", () => "[1, 2]", "NotAManifest"],
    ["one entry without an array", (text: string) => text.slice(1, -1), "NotAManifest"],
  ])("%s", async (_, change, reason) => {
    const error = await failureOf(recordsOf(change(microchipJson([jws(first), jws(second)], 0))));
    expect(error).toMatchObject({ reason, transient: false });
  });
});
