import { createHash } from "node:crypto";
import { createIssuer, type Issuer, manifestCsv } from "../../tools/factory/index.ts";
import { Mint } from "../bench/reels/certificates.ts";
import type { ReelPlan } from "./schedule.ts";

/** What must become of a device, whatever happens on the way. */
export type Fate = "good" | "expired" | "twin";

export interface PlannedDevice {
  /** Its device ID, which is its name in requests. */
  readonly ref: string;
  /** SHA-256 of the certificate, as registries have it. */
  readonly thumbprint: string;
  readonly fate: Fate;
}

/** A reel that was made: its devices in the manifest's order, and the manifest. */
export interface MadeReel {
  readonly batchId: string;
  readonly devices: readonly PlannedDevice[];
  readonly csv: string;
}

const DAY_MS = 24 * 3_600_000;

/** Makes the reels of a schedule. */
export async function makeReels(plans: readonly ReelPlan[]): Promise<Map<string, MadeReel>> {
  const [issuer, mint] = await Promise.all([createIssuer(), Mint.open(4)]);
  const made = new Map<string, MadeReel>();
  for (const [number, plan] of plans.entries()) {
    made.set(plan.batchId, await makeReel(issuer, plan, (ordinal) => minted(mint, number + 1, ordinal)));
  }
  return made;
}

type Device = Readonly<{ deviceId: string; der: Uint8Array; pem: string }>;

function minted(mint: Mint, reel: number, ordinal: number): Device {
  const { deviceId, der } = mint.device(reel, ordinal);
  const lines = der.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return { deviceId, der, pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n` };
}

async function makeReel(
  issuer: Issuer,
  { batchId, devices, expired, twins }: ReelPlan,
  mintOne: (ordinal: number) => Device,
): Promise<MadeReel> {
  const good = Array.from({ length: devices }, (_, ordinal) => mintOne(ordinal));
  const past = new Date(Date.now() - DAY_MS);
  const gone: readonly Device[] = await issuer.issueMany(expired, {
    batchId,
    notBefore: new Date(0),
    notAfter: past,
  });
  // Serial numbers of four bytes, as the issuer makes them, are no minted device's.
  const first = twins ? await issuer.issueDevice({ batchId }) : undefined;
  const two: Device[] =
    first === undefined ? [] : [first, await issuer.issueDevice({ batchId, serial: first.serial })];
  // Those that are not to go in stand among the others, at the beginning and in the middle.
  const half = Math.floor(good.length / 2);
  const all: readonly (readonly [Device, Fate])[] = [
    ...gone.map((device) => [device, "expired"] as const),
    ...good.slice(0, half).map((device) => [device, "good"] as const),
    ...two.map((device) => [device, "twin"] as const),
    ...good.slice(half).map((device) => [device, "good"] as const),
  ];
  return {
    batchId,
    csv: manifestCsv(
      all.map(([device]) => device),
      { batchId },
    ),
    devices: all.map(([{ deviceId, der }, fate]) => ({
      ref: deviceId,
      thumbprint: createHash("sha256").update(der).digest("hex").toUpperCase(),
      fate,
    })),
  };
}
