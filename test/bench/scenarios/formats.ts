import { NODE_FLAGS } from "../../../image/node-flags.ts";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CsvRecords } from "../../../operator/manifests/formats/cloud-id-csv/csv-records.ts";
import { DEFAULT_LIMITS } from "../../../operator/manifests/records.ts";
import { OwnedProcess } from "../../../tools/process/owned-process.ts";
import { microchipManifest } from "../formats/microchip-file.ts";
import { cachedManifest } from "../reels/manifest-file.ts";
import { atLeast, atMost, type Scenario } from "../scenario.ts";
import { median } from "../statistics.ts";

const CSV_DEVICES = 100_000;
const SMALL = 10_000;
const LARGE = 50_000;
const CHUNK = 64 * 1024;
const MEGABYTE = 1_000_000;
const DEADLINE_MS = 600_000;
const PROBE = resolve(import.meta.dirname, "../formats/probe.ts");

interface Probed {
  readonly devices: number;
  readonly format: string;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

export const formats: Scenario = {
  name: "formats",
  about:
    "The CSV reader alone: a manifest of 100,000 devices (67 MB) in memory, in chunks of 64 KiB, each field of each row " +
    "as a string; processor time, collections of garbage included. Microchip's signed JSON: 50,000 entries (some 110 MB) " +
    "against 10,000, each signature verified and each certificate checked, in a process of its own that starts the operator's reader only.",
  async run({ rounds, quick, cacheDir, log }) {
    const devices = quick ? 2_000 : CSV_DEVICES;
    const batchId = `FORMATS${devices}`;
    const csv = await cachedManifest({
      batchId,
      devices,
      path: join(cacheDir, `${batchId.toLowerCase()}.csv`),
    });
    const bytes = await readFile(csv.path);
    const rates: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const rate = await framed(bytes, devices + 1);
      log(`round ${round}: ${rate.toFixed(0)} MB per CPU second`);
      if (round > 0) rates.push(rate);
    }
    const little = await probed(cacheDir, quick ? 200 : SMALL);
    const much = await probed(cacheDir, quick ? 1_000 : LARGE);
    log(`Microchip: ${JSON.stringify([little, much])}`);
    return [
      {
        name: "csv",
        what: "CSV reader",
        value: median(rates),
        unit: "MB per CPU second",
        goal: atLeast(150),
      },
      {
        name: "microchip-growth",
        what: "Microchip's JSON: peak with 50,000 entries, less that with 10,000",
        value: much.peakMiB - little.peakMiB,
        unit: "MiB",
        goal: atMost(64),
      },
      { name: "microchip-peak", what: "Microchip's JSON: peak", value: much.peakMiB, unit: "MiB" },
      {
        name: "microchip-rate",
        what: "Microchip's JSON, signatures verified",
        value: much.devices / much.cpuSeconds,
        unit: "devices per CPU second",
      },
    ];
  },
};

/** @returns megabytes per second of processor time. @throws Error when there are not so many rows */
async function framed(bytes: Buffer, wanted: number): Promise<number> {
  const before = process.cpuUsage();
  const records = new CsvRecords({ separator: ",", maxRecordBytes: DEFAULT_LIMITS.maxRecordBytes });
  let rows = 0;
  for (let at = 0; at < bytes.length; at += CHUNK) {
    rows += (await records.push(bytes.subarray(at, at + CHUNK))).length;
  }
  rows += (await records.end()).length;
  const { user, system } = process.cpuUsage(before);
  if (rows !== wanted) throw new Error(`${rows} rows were read of ${wanted}`);
  return bytes.length / MEGABYTE / ((user + system) / 1e6);
}

async function probed(cacheDir: string, devices: number): Promise<Probed> {
  const batchId = `MICROCHIP${devices}`;
  const path = join(cacheDir, `${batchId.toLowerCase()}.json`);
  const { signers } = await microchipManifest(path, batchId, devices);
  const child = await OwnedProcess.start({
    command: process.execPath,
    args: [...NODE_FLAGS, PROBE, path, batchId, signers],
  });
  const told = await child.line(
    (line) => (line.startsWith("{") ? (JSON.parse(line) as Probed) : undefined),
    "Microchip's manifest was not read",
    DEADLINE_MS,
  );
  await child.ended;
  if (told.devices !== devices) throw new Error(`${told.devices} of ${devices} devices were good`);
  return told;
}
