import { randomInt } from "node:crypto";
import { access, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { Mint } from "./certificates.ts";

const PIECE_DEVICES = 2_000;

/** A manifest file of a made-up reel. */
export interface MintedReel {
  readonly batchId: string;
  readonly devices: number;
  readonly path: string;
}

let shared: Promise<Mint> | undefined;

/** One mint for all reels of a run. */
export function mint(): Promise<Mint> {
  shared ??= Mint.open();
  return shared;
}

/** A number that tells reels apart, other than any of this machine's runs before: what is kept in a cache stays apart. */
export function freshReelNumber(): number {
  return randomInt(1, 2 ** 31);
}

/** Writes a reel's manifest, Cloud ID CSV with PEM fields; some 300,000 devices a second. */
export async function writeManifest(reel: MintedReel, number = freshReelNumber()): Promise<void> {
  const source = await mint();
  await mkdir(dirname(reel.path), { recursive: true });
  await using file = await open(`${reel.path}.part`, "w");
  await file.writeFile("device_id,group_id,certificate\n");
  for (let first = 0; first < reel.devices; first += PIECE_DEVICES) {
    let text = "";
    for (let at = first; at < Math.min(first + PIECE_DEVICES, reel.devices); at += 1) {
      const { deviceId, der } = source.device(number, at);
      text += `${deviceId},${reel.batchId},"${pemOf(der)}"\n`;
    }
    await file.writeFile(text, "latin1");
  }
  await rename(`${reel.path}.part`, reel.path);
}

/** The same, unless a file of this name is there from an earlier run. */
export async function cachedManifest(reel: MintedReel): Promise<MintedReel> {
  const there = await access(reel.path).then(
    () => true,
    () => false,
  );
  if (!there) await writeManifest(reel);
  return reel;
}

function pemOf(der: Buffer): string {
  const base64 = der.toString("base64");
  let lines = "";
  for (let at = 0; at < base64.length; at += 64) lines += `${base64.slice(at, at + 64)}\n`;
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}
