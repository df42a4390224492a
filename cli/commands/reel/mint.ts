import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { batchIdFrom } from "../../../desk/batch-id.ts";
import { CLOUD_ID_HEADER, cloudIdRow } from "../../../desk/manifests/cloud-id-csv.ts";
import {
  type Authority,
  createIssuer,
  type FactoryDevice,
  type Issuer,
} from "../../../tools/factory/index.ts";
import type { Context } from "../../context.ts";
import { CliError, EXIT, type ExitCode } from "../../exit.ts";
import { some } from "../../output/words.ts";
import { reelAdd } from "./add.ts";

export interface ReelMintOptions {
  /** Devices on each reel. */
  readonly count: number;
  readonly reels: number;
  /** The batch ID, of several reels its beginning; one of its own unless given. */
  readonly batch?: string;
  readonly out: string;
  /** The folder of an earlier mint, whose CA goes on; a new one unless given. */
  readonly ca?: string;
  /** Whether the devices' private keys are written too, for devices that are to connect. */
  readonly deviceKeys?: boolean;
  /** Declares the reels in the cluster at once. */
  readonly add?: boolean;
  readonly keyType: "P-256" | "RSA-2048";
  readonly operatorNamespace: string;
}

const CA_PEM = "ca.pem";
const CA_KEY = "ca.key.pem";
const ISSUER = "CN=Certferry Test CA, O=Certferry Test";

/** Makes reels to try things with: devices that exist nowhere, issued by a CA that was made for such. */
export async function reelMint(context: Context, options: ReelMintOptions): Promise<ExitCode> {
  const { io, signal } = context;
  const ids = batchIds(options);
  const now = new Date(io.clock.now());
  const issuer = await (options.ca === undefined
    ? createIssuer({ name: ISSUER, now })
    : createIssuer({ authority: await earlierCa(options.ca), now }));
  await mkdir(options.out, { recursive: true });
  await mustBeNew(ids, options);
  if (options.ca === undefined) {
    await writeNew(join(options.out, CA_PEM), issuer.pem);
    const key = issuer.privateKey.export({ type: "pkcs8", format: "pem" });
    await writeNew(join(options.out, CA_KEY), String(key), 0o600);
    await io.stderr.write(
      `${join(options.out, CA_PEM)} and ${CA_KEY}: their CA, and its private key. For more reels of it: --ca ${options.out}\n`,
    );
  }
  const files: { batchId: string; file: string }[] = [];
  for (const batchId of ids) {
    const devices = await issue(issuer, batchId, options, signal);
    const file = join(options.out, `${batchId}.csv`);
    await writeNew(file, CLOUD_ID_HEADER + devices.map(cloudIdRow).join(""));
    if (options.deviceKeys === true) await writeKeys(join(options.out, `${batchId}-keys`), devices);
    files.push({ batchId, file });
    await io.stderr.write(`${file}: ${some(devices.length, "test device")}.\n`);
  }
  for (const { batchId, file } of files) {
    if (options.add === true) {
      await reelAdd(context, file, { batch: batchId, operatorNamespace: options.operatorNamespace });
    }
    await io.stdout.write(`${batchId}\n`);
  }
  return EXIT.ok;
}

/** Before anything is written, so that no CA is left behind that has issued nothing. */
async function mustBeNew(ids: readonly string[], { out, ca }: ReelMintOptions): Promise<void> {
  const there = new Set(await readdir(out));
  for (const name of ca === undefined ? [CA_PEM, CA_KEY] : []) {
    if (there.has(name)) {
      throw isThere(
        join(out, name),
        `For more reels of that CA: --ca ${out}. For another CA: another folder, --out FOLDER`,
      );
    }
  }
  const taken = ids.find((id) => there.has(`${id}.csv`));
  if (taken !== undefined) {
    throw isThere(
      join(out, `${taken}.csv`),
      "Give another batch ID (--batch BID), or another folder (--out FOLDER)",
    );
  }
}

function isThere(path: string, hint: string): CliError {
  return new CliError(EXIT.refused, `${path} is there already, and nothing is written over`, hint);
}

/** @throws CliError when there is none, or the two files do not belong together */
async function earlierCa(folder: string): Promise<Authority> {
  try {
    const pem = await readFile(join(folder, CA_PEM), "utf8");
    const privateKey = createPrivateKey(await readFile(join(folder, CA_KEY)));
    if (new X509Certificate(pem).checkPrivateKey(privateKey)) return { pem, privateKey };
    throw new Error(`${CA_KEY} is not the key of ${CA_PEM}`);
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `${folder} holds no CA to go on with: ${error instanceof Error ? error.message : String(error)}`,
      `Give the folder of an earlier reel mint (--out), with its ${CA_PEM} and ${CA_KEY}`,
    );
  }
}

function batchIds({ batch, reels }: ReelMintOptions): string[] {
  const first = batchIdFrom(batch ?? `TEST-${randomBytes(3).toString("hex").toUpperCase()}`);
  if (reels === 1) return [first];
  const digits = String(reels).length;
  return Array.from({ length: reels }, (_, at) =>
    batchIdFrom(`${first}-${String(at + 1).padStart(digits, "0")}`),
  );
}

async function issue(
  issuer: Issuer,
  batchId: string,
  { count, keyType }: ReelMintOptions,
  signal: AbortSignal,
): Promise<FactoryDevice[]> {
  const devices: FactoryDevice[] = [];
  // In pieces, so that Ctrl-C is heard.
  while (devices.length < count) {
    signal.throwIfAborted();
    const more = Math.min(64, count - devices.length);
    devices.push(...(await issuer.issueMany(more, { batchId, keyType })));
  }
  return devices;
}

async function writeKeys(folder: string, devices: readonly FactoryDevice[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { deviceId, privateKey, pem } of devices) {
    const key = privateKey.export({ type: "pkcs8", format: "pem" });
    await writeNew(join(folder, `${deviceId}.key.pem`), String(key), 0o600);
    await writeNew(join(folder, `${deviceId}.pem`), pem);
  }
}

async function writeNew(path: string, text: string, mode = 0o644): Promise<void> {
  try {
    await writeFile(path, text, { flag: "wx", mode });
  } catch (error) {
    if (!(error instanceof Error && Reflect.get(error, "code") === "EEXIST")) throw error;
    throw isThere(path, "Give another folder: --out FOLDER");
  }
}
