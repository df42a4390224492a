import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectsOf } from "../charts/output/plain.ts";
import type { KubeObject } from "../operator/runtime/objects.ts";
import type { TestCloud } from "../test/clouds/index.ts";
import { Field, OPERATOR_NAMESPACE } from "../test/field/field.ts";
import { microchipReel } from "../test/field/microchip-reel.ts";
import { apply } from "../test/harness/index.ts";
import { freePort } from "../tools/process/free-port.ts";
import { Buckets } from "../tools/aws-emulator/buckets.ts";
import { findAwsEmulator } from "../tools/aws-emulator/source.ts";
import {
  createLogSigner,
  espressifCsv,
  espressifModules,
  type FactoryDevice,
  manifest7z,
  manifestCsv,
  optigaArchive,
  optigaReel,
} from "../tools/factory/index.ts";
import { missingPart } from "../tools/setup/missing-part.ts";
import { layCommandLine } from "./bundle/build.ts";
import { certferry, type CommandRun } from "./testing/command-line.ts";

const ACCOUNT = "acme";
const missing = await missingPart(findAwsEmulator({}));

let field: Field;
let cloud: TestCloud;
let folder: string;
let main: string;

beforeAll(async () => {
  field = await Field.open();
  main = await layCommandLine(await mkdtemp(join(tmpdir(), "certferry-installed-")));
  folder = await mkdtemp(join(tmpdir(), "certferry-reels-added-"));
  const parts = objectsOf({}, { namespace: OPERATOR_NAMESPACE, version: "0.0.0" });
  await apply(field.client, (parts.get("people-roles") ?? []) as KubeObject[]);
  await field.account(ACCOUNT);
  cloud = await field.cloud(ACCOUNT);
  await field.awsApi(ACCOUNT, "aws-eu", cloud, { default: true });
  await field.operator();
});

afterAll(async () => {
  await field?.close();
  for (const made of [folder, dirname(main)]) await rm(made, { recursive: true, force: true });
});

async function cli(args: string, env: Readonly<Record<string, string>> = {}): Promise<CommandRun> {
  const own = { KUBECONFIG: field.plane.kubeconfig, AWS_EC2_METADATA_DISABLED: "true", ...env };
  return await certferry([...args.split(" "), "-n", ACCOUNT], { cwd: folder, main, env: own });
}

/** Binds a reel that was added, and tells which of these devices the cloud then holds. */
async function bound(batchId: string, devices: readonly FactoryDevice[]): Promise<boolean[]> {
  const { code, stderr } = await cli(`bind ${batchId} --wait`);
  expect(code, stderr).toBe(0);
  return arrived(devices);
}

function arrived(devices: readonly FactoryDevice[]): boolean[] {
  const there = new Set(cloud.registry.list().map(({ serial }) => serial.toLowerCase()));
  return devices.map(({ serial }) => there.has(serial.toLowerCase()));
}

async function configMapOf(batchId: string): Promise<Record<string, string> | undefined> {
  const key = { namespace: OPERATOR_NAMESPACE, name: `reel-${batchId.toLowerCase()}` };
  return (await field.configMaps.find(key))?.data;
}

describe("reel add, of each vendor's format", () => {
  it("takes Espressif's CSV as it is", async () => {
    const modules = await espressifModules(field.issuer, 3);
    const csv = espressifCsv(modules);
    await writeFile(join(folder, "esp.csv"), csv);
    const added = await cli("reel add esp.csv --batch ESP-1");
    expect(added.code, added.stderr).toBe(0);
    expect(added.stderr).toMatch(/^3 devices \(EspressifCsv; P-256; issued by /);
    expect(await configMapOf("ESP-1")).toEqual({ "manifest.csv": csv });
    expect((await field.awaitReel("ESP-1", "True", "Available")).status).toMatchObject({ devices: 3 });
    const devices = modules.map(({ device }) => device);
    await expect(bound("ESP-1", devices)).resolves.toEqual([true, true, true]);
  });

  it("verifies Microchip's JSON with the log signers it is given, and hands these on", async () => {
    const { devices, json, signer } = await microchipReel(field.issuer, "MCHP-1");
    await writeFile(join(folder, "mchp.json"), json);
    await writeFile(join(folder, "signers.pem"), signer.pem);
    await writeFile(join(folder, "others.pem"), (await createLogSigner(field.issuer)).pem);
    const strangers = await cli("reel add mchp.json --batch MCHP-1 --signers others.pem");
    expect([strangers.code, strangers.stderr]).toEqual([
      5,
      expect.stringMatching(/each of its 3 entries is refused\n +row 1: SignerUnknown: /),
    ]);
    const unverified = await cli("reel add mchp.json --batch MCHP-1 --dry-run");
    expect(unverified.stderr).toMatch(/^3 devices \(MicrochipJson; /);
    const added = await cli("reel add mchp.json --batch MCHP-1 --signers signers.pem");
    expect(added.code, added.stderr).toBe(0);
    expect(added.stderr).toMatch(
      /1 entry will be quarantined:\n {2}row 2 \(0123[0-9a-f]+\): SignerUnknown: /,
    );
    expect(await configMapOf("MCHP-1")).toEqual({ "manifest.json": json });
    const { status } = await field.awaitReel("MCHP-1", "True", "Available");
    expect(status).toMatchObject({ devices: 2, signatures: "Verified", quarantined: { count: 1 } });
    await expect(bound("MCHP-1", devices)).resolves.toEqual([true, false, true]);
  });

  it("hands on the certificates of one slot of an archive with keys, and never the keys", async () => {
    const reel = await optigaReel(field.issuer, 2);
    const other = await optigaReel(field.issuer, 2);
    const { archive, secret } = await optigaArchive(reel, { level: 0 });
    await writeFile(join(folder, "optiga.7z"), archive);
    await writeFile(join(folder, "other.7z"), (await optigaArchive(other)).archive);
    const added = await cli(`reel add optiga.7z --batch ${reel.reelId}`);
    expect(added.code, added.stderr).toBe(0);
    const content = await configMapOf(reel.reelId);
    expect(Object.keys(content ?? {})).toEqual(["manifest.csv"]);
    expect(JSON.stringify(content)).not.toContain(secret);
    await expect(bound(reel.reelId, reel.devices.E0E0)).resolves.toEqual([true, true]);
    expect(arrived(reel.devices.E0E1)).toEqual([false, false]);
    const nowhere = await cli(`reel add other.7z --batch ${other.reelId} --slot E0E7`);
    expect([nowhere.code, nowhere.stderr]).toEqual([5, expect.stringContaining("E0E0, E0E1, E0E2")]);
    expect((await cli(`reel add other.7z --batch ${other.reelId} --slot E0E1`)).code).toBe(0);
    await expect(bound(other.reelId, other.devices.E0E1)).resolves.toEqual([true, true]);
    expect(arrived(other.devices.E0E0)).toEqual([false, false]);
    const third = await optigaReel(field.issuer, 1);
    await writeFile(join(folder, "third.7z"), (await optigaArchive(third)).archive);
    const elsewhere = await cli(`reel add third.7z --batch ${third.reelId} --path third.7z`);
    expect([elsewhere.code, elsewhere.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: this archive is handed on as a table of its certificates/m),
    ]);
  });
});

describe.skipIf(missing !== undefined)(`reel add by a bucket${missing ?? ""}`, () => {
  let buckets: Buckets;
  let person: Readonly<Record<string, string>>;

  beforeAll(async () => {
    buckets = await Buckets.open("reels");
    const { accessKeyId, secretAccessKey } = buckets.aws.access.credentials;
    person = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    await field.secrets.create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: OPERATOR_NAMESPACE, name: "s3" },
      data: {
        accessKeyId: Buffer.from(accessKeyId).toString("base64"),
        secretAccessKey: Buffer.from(secretAccessKey).toString("base64"),
      },
    });
  });

  afterAll(async () => {
    await buckets?.close();
  });

  const at = (key: string, endpoint = buckets.aws.url): string =>
    `--s3 s3://reels/${key} --region ${buckets.region} --endpoint ${endpoint}`;

  async function file(name: string, batchId: string): Promise<readonly FactoryDevice[]> {
    const devices = await field.issuer.issueMany(2, { batchId });
    const csv = manifestCsv(devices, { batchId });
    await writeFile(join(folder, name), name.endsWith("7z") ? await manifest7z(csv, "m.csv") : csv);
    return devices;
  }

  it("uploads the file with the person's identity, and the operator reads it with the Secret's", async () => {
    const devices = await file("S001.7z", "S001");
    const place = at("2026/S001.7z");
    const looked = await cli(`reel add S001.7z --batch S001 ${place} --source-secret s3 --dry-run`, person);
    expect(looked.code, looked.stderr).toBe(0);
    expect(await buckets.keys("reels")).toEqual([]);
    expect(await field.reels.find({ name: "s001" })).toBeUndefined();

    const added = await cli(`reel add S001.7z --batch S001 ${place} --source-secret s3`, person);
    expect(added.code, added.stderr).toBe(0);
    expect(added.stdout + added.stderr).not.toContain(person["AWS_SECRET_ACCESS_KEY"]);
    const content = await readFile(join(folder, "S001.7z"));
    expect((await buckets.get("reels", "2026/S001.7z")).equals(content)).toBe(true);
    const { spec, status } = await field.awaitReel("S001", "True", "Available");
    expect(spec.manifest).toMatchObject({
      s3: { bucket: "reels", key: "2026/S001.7z", endpoint: buckets.aws.url, secretRef: { name: "s3" } },
      sha256: status?.manifestSha256,
    });
    expect(await configMapOf("S001")).toBeUndefined();
    await expect(bound("S001", devices)).resolves.toEqual([true, true]);
    const manifest = await cli("manifest S001");
    expect([manifest.code, manifest.stdout], manifest.stderr).toEqual([
      0,
      manifestCsv(devices, { batchId: "S001" }),
    ]);
  });

  it("uploads of an archive with keys the certificates alone, under any key", async () => {
    const reel = await optigaReel(field.issuer, 2);
    const { archive, secret } = await optigaArchive(reel, { level: 0 });
    await writeFile(join(folder, "keyed.7z"), archive);
    const added = await cli(`reel add keyed.7z --batch ${reel.reelId} ${at("k")} --source-secret s3`, person);
    expect(added.code, added.stderr).toBe(0);
    const stored = await buckets.get("reels", "k");
    expect([stored.includes(secret), stored.toString("utf8").startsWith("device_id,")]).toEqual([
      false,
      true,
    ]);
    await expect(bound(reel.reelId, reel.devices.E0E0)).resolves.toEqual([true, true]);
  });

  it("puts nothing over what is there, and nothing anywhere for a Reel that cannot be", async () => {
    await file("S002.csv", "S002");
    await buckets.put("reels", "taken.csv", Buffer.from("of somebody else"));
    const taken = await cli(`reel add S002.csv --batch S002 ${at("taken.csv")} --source-secret s3`, person);
    expect([taken.code, taken.stderr]).toEqual([
      5,
      expect.stringContaining("there is an object of that key already"),
    ]);
    expect((await buckets.get("reels", "taken.csv")).toString()).toBe("of somebody else");
    expect(await field.reels.find({ name: "s002" })).toBeUndefined();

    const before = await buckets.keys("reels");
    const add = `reel add S002.csv --batch S002`;
    await field.ship("S003", 2);
    await file("S003.csv", "S003");
    const refusals: [string, number, RegExp][] = [
      [
        `reel add S003.csv --batch S003 ${at("S003.csv")} --source-secret s3`,
        5,
        /there is a Reel s003 already/,
      ],
      [`${add} ${at("S002.csv")} --source-secret s3 --as nobody`, 3, /may not create reels/],
      [`${add} ${at("S002.csv")}`, 2, /--source-secret/],
      [`${add} --s3 s3://reels --region x`, 2, /names no object/],
      [`${add} --s3 s3://reels/S002.csv`, 2, /--region/],
      [`${add} --endpoint ${buckets.aws.url}`, 2, /--endpoint belongs to --s3/],
      [`${add} --source-secret s3`, 2, /--source-secret belongs to --s3 or --url/],
    ];
    for (const [args, code, words] of refusals) {
      const refused = await cli(args, person);
      expect([args, refused.code, refused.stderr]).toEqual([args, code, expect.stringMatching(words)]);
    }
    expect(await buckets.keys("reels")).toEqual(before);
    expect(await field.reels.find({ name: "s002" })).toBeUndefined();
  });

  it("writes down where the file went, also where the environment says it", async () => {
    const devices = await file("S004.csv", "S004");
    const env = { ...person, AWS_REGION: buckets.region, AWS_ENDPOINT_URL_S3: buckets.aws.url };
    const add = "reel add S004.csv --batch S004 --s3 s3://reels/S004.csv --source-secret s3";
    const added = await cli(add, env);
    expect(added.code, added.stderr).toBe(0);
    expect(await buckets.keys("reels")).toContain("S004.csv");
    const { spec } = await field.awaitReel("S004", "True", "Available");
    expect(spec.manifest.s3).toMatchObject({ endpoint: buckets.aws.url, region: buckets.region });
    await expect(bound("S004", devices)).resolves.toEqual([true, true]);
  });

  it("says what is wrong with the upload, without a word of a secret", async () => {
    await file("S005.csv", "S005");
    const add = `reel add S005.csv --batch S005 --source-secret s3`;
    const away = `http://127.0.0.1:${await freePort()}`;
    const wrong = { ...person, AWS_ACCESS_KEY_ID: "AKIAUNKNOWN000000000" };
    const cases: [string, Readonly<Record<string, string>>, RegExp][] = [
      [`${add} ${at("x", away)}`, person, /the connection was refused/],
      [`${add} ${at("x")}`, {}, /no AWS credentials were found/],
      [`${add} ${at("x").replace("//reels", "//nowhere")}`, person, /there is no such bucket/],
      [`${add} ${at("x")}`, wrong, /access key/],
    ];
    for (const [args, env, words] of cases) {
      const { code, stderr } = await cli(args, env);
      expect([args, code, stderr]).toEqual([args, 1, expect.stringMatching(words)]);
      expect(stderr).not.toMatch(/\n\s+at |fault of the command itself/);
      expect(stderr).not.toContain(person["AWS_SECRET_ACCESS_KEY"]);
    }
    expect(await field.reels.find({ name: "s005" })).toBeUndefined();
  });
});
