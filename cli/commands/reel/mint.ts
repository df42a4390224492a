import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { batchIdFrom } from "../../../desk/batch-id.ts";
import { CLOUD_ID_HEADER, cloudIdRow } from "../../../desk/manifests/cloud-id-csv.ts";
import { createIssuer, type FactoryDevice, type Issuer } from "../../../tools/factory/index.ts";
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
  /** Whether the devices' private keys are written too, for devices that are to connect. */
  readonly deviceKeys?: boolean;
  /** Declares the reels in the cluster at once. */
  readonly add?: boolean;
  readonly keyType: "P-256" | "RSA-2048";
  readonly operatorNamespace: string;
}

const ISSUER = "CN=Certferry Test CA, O=Certferry Test";

/** Makes reels to try things with: devices that exist nowhere, issued by a CA that was made for them. */
export async function reelMint(context: Context, options: ReelMintOptions): Promise<ExitCode> {
  const { io, signal } = context;
  const ids = batchIds(options);
  await mkdir(options.out, { recursive: true });
  const issuer = await createIssuer({ name: ISSUER, now: new Date(io.clock.now()) });
  await writeNew(join(options.out, "ca.pem"), issuer.pem);
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
    throw new CliError(
      EXIT.refused,
      `${path} is there already, and test reels are written over nothing`,
      "Give another folder with --out",
    );
  }
}
