import { randomBytes, randomUUID } from "node:crypto";
import { pack7z } from "./archive.ts";
import type { FactoryDevice, Issuer } from "./issuer.ts";

/** The data objects of an OPTIGA Trust M that hold a certificate. */
export const OPTIGA_SLOTS = ["E0E0", "E0E1", "E0E2"] as const;
export type OptigaSlot = (typeof OPTIGA_SLOTS)[number];

export interface OptigaReel {
  /** 16 hex digits. */
  reelId: string;
  /** Each slot's certificates, of the same chips in the same order. */
  devices: Readonly<Record<OptigaSlot, readonly FactoryDevice[]>>;
}

/** A reel of chips, each with P-256 certificates in E0E0 and E0E1, and one of RSA 2048 in E0E2. */
export async function optigaReel(
  issuer: Issuer,
  count: number,
  options: { reelId?: string } = {},
): Promise<OptigaReel> {
  const reelId = options.reelId ?? randomBytes(8).toString("hex").toUpperCase();
  const chips = Array.from({ length: count }, () => `0A09${randomBytes(8).toString("hex").toUpperCase()}`);
  const issue = (keyType: "P-256" | "RSA-2048"): Promise<FactoryDevice[]> =>
    Promise.all(chips.map((deviceId) => issuer.issueDevice({ batchId: reelId, deviceId, keyType })));
  const [e0e0, e0e1, e0e2] = await Promise.all([issue("P-256"), issue("P-256"), issue("RSA-2048")]);
  return { reelId, devices: { E0E0: e0e0, E0E1: e0e1, E0E2: e0e2 } };
}

export interface OptigaArchiveOptions {
  /** Which slots' archives are in it; all three unless given. */
  slots?: readonly OptigaSlot[];
  /** Whether the archive of keys is in it, as it is when it is downloaded. It is unless this is false. */
  keys?: boolean;
  /** Files of inner archives to add or to replace, by slot and name. */
  files?: Readonly<Partial<Record<OptigaSlot, Readonly<Record<string, Uint8Array | string>>>>>;
  /** Files of the outer archive to add or to replace, by name. */
  alongside?: Readonly<Record<string, Uint8Array | string>>;
  /** For the inner archives. */
  password?: string;
  /** Of the outer archive, 0 (stored as it is) to 9; 5 unless given. */
  level?: number;
}

/** What an inner archive of certificates is called, without the folder. */
export function optigaArchiveName(reelId: string, guid: string, slot: string): string {
  return `${reelId}_${guid}_${slot}_Certs.7z`;
}

/** One slot's certificates in a .7z archive by themselves. */
export function optigaSlotArchive(
  devices: readonly FactoryDevice[],
  slot: OptigaSlot,
  options: { files?: Readonly<Record<string, Uint8Array | string>>; password?: string } = {},
): Promise<Uint8Array> {
  const { files, password } = options;
  const pems = Object.fromEntries(devices.map(({ deviceId, pem }) => [`${deviceId}_${slot}.pem`, pem]));
  return pack7z({ ...pems, ...files }, password === undefined ? {} : { password });
}

/**
 * The archive of a reel as OPTIGA Trust M Express has it: a solid .7z with a BCJ filter, which holds an archive
 * of certificates for each data object, one of keys, and a README. The keys here are random bytes that open
 * nothing; `secret` of what is returned is a text that stands in them, and that must not be found anywhere else.
 */
export async function optigaArchive(
  reel: OptigaReel,
  options: OptigaArchiveOptions = {},
): Promise<{ archive: Uint8Array; secret: string }> {
  const guid = randomUUID().toUpperCase();
  const secret = `secret-${randomBytes(16).toString("hex")}`;
  const inner: Record<string, Uint8Array | string> = {};
  for (const slot of options.slots ?? OPTIGA_SLOTS) {
    inner[optigaArchiveName(reel.reelId, guid, slot)] = await optigaSlotArchive(reel.devices[slot], slot, {
      files: options.files?.[slot] ?? {},
      ...(options.password === undefined ? {} : { password: options.password }),
    });
  }
  if (options.keys !== false) {
    const chips = reel.devices.E0E0.map(({ deviceId }) => [`${deviceId}_keys.txt`, `${secret}\n`]);
    inner[`${reel.reelId}_${guid}_keys.7z`] = await pack7z(Object.fromEntries(chips), { level: 0 });
  }
  const files = { ...inner, "README.txt": "Certificates and keys of one reel.\n", ...options.alongside };
  const { level = 5 } = options;
  const packing = level === 0 ? { level } : { level, filter: "BCJ" as const };
  return { archive: await pack7z(files, packing), secret };
}
