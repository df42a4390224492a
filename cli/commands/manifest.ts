import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CLOUD_ID_HEADER, cloudIdRow } from "../../desk/manifests/cloud-id-csv.ts";
import { boundRecords, openBoundManifest } from "../../desk/manifests/bound-manifest.ts";
import { packSevenZip } from "../../desk/manifests/seven-zip.ts";
import type { ManifestRecord } from "../../operator/manifests/index.ts";
import { openWorkshop, reelOf } from "../cluster/bound-reel.ts";
import { findBatch } from "../cluster/find-batch.ts";
import { atCluster } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { checkOut, isThere, type OutFile, thereAlready } from "../output/out-file.ts";
import { some } from "../output/words.ts";

export interface ManifestOptions extends OutFile {
  readonly format?: "csv" | "7z";
  readonly manifest?: string;
  readonly operatorNamespace: string;
}

/** Gives a bound reel's manifest as the Cloud ID service does: CSV, or that in a .7z. */
export async function manifest(context: Context, given: string, options: ManifestOptions): Promise<ExitCode> {
  const { io, signal } = context;
  const { out } = options;
  const format = options.format ?? (out?.toLowerCase().endsWith(".7z") === true ? "7z" : "csv");
  if (format === "7z" && out === undefined && io.stdout.isTTY) {
    throw new CliError(
      EXIT.usage,
      "a .7z is nothing for a terminal",
      "Write it into a file with --out FILE, or pipe it into a command",
    );
  }
  await checkOut(options);
  return await atCluster(context, async (session) => {
    const batch = await findBatch(session, given, signal);
    const { reel, binding } = await reelOf(session, batch, signal);
    const { batchId } = reel.spec;
    await using workshop = await openWorkshop(session, options.operatorNamespace);
    const stored = await openBoundManifest(workshop, reel, binding, options.manifest, signal);
    const rows = cloudIdRows(boundRecords(stored, reel, binding, signal), batchId);
    if (format === "csv" && out === undefined) {
      for await (const piece of inPieces(rows)) await io.stdout.write(piece);
      return EXIT.ok;
    }
    const csv = join(workshop.folder, `${batchId}.csv`);
    const devices = await writeFileNew(csv, rows);
    const packed = join(workshop.folder, `${batchId}.7z`);
    if (format === "7z") await packSevenZip({ input: csv, name: `${batchId}.csv`, output: packed }, signal);
    const made = format === "7z" ? packed : csv;
    if (out === undefined) {
      for await (const chunk of createReadStream(made, { signal })) await io.stdout.write(chunk as Buffer);
      return EXIT.ok;
    }
    await place(made, out, options.force === true);
    await io.stderr.write(`${out}: the manifest of reel ${batchId}, ${some(devices, "device")}.\n`);
    return EXIT.ok;
  });
}

/** The CSV of those devices that can be provisioned, header first. */
export async function* cloudIdRows(
  records: AsyncIterable<ManifestRecord>,
  batchId: string,
): AsyncGenerator<string> {
  yield CLOUD_ID_HEADER;
  for await (const record of records) {
    if (record.kind === "device") {
      yield cloudIdRow({ deviceId: record.deviceId, batchId, der: record.der });
    }
  }
}

const PIECE = 65_536;

async function* inPieces(rows: AsyncIterable<string>): AsyncGenerator<string> {
  let text = "";
  for await (const row of rows) {
    text += row;
    if (text.length < PIECE) continue;
    yield text;
    text = "";
  }
  if (text !== "") yield text;
}

/** @returns how many rows there were besides the header */
export async function writeFileNew(path: string, rows: AsyncIterable<string>): Promise<number> {
  await using file = await open(path, "wx", 0o600);
  let count = -1;
  const counted = async function* (): AsyncGenerator<string> {
    for await (const row of rows) {
      count += 1;
      yield row;
    }
  };
  for await (const piece of inPieces(counted())) await file.write(piece);
  return count;
}

/** Whole or not at all, and over nothing that is there unless that was asked for. */
async function place(made: string, out: string, force: boolean): Promise<void> {
  const partial = `${out}.partial-${process.pid}`;
  try {
    await using target = await open(partial, "wx", 0o644);
    for await (const chunk of createReadStream(made)) await target.write(chunk as Buffer);
    if (!force) await (await open(out, "wx")).close();
    await rename(partial, out);
  } catch (error) {
    await rm(partial, { force: true });
    throw isThere(error) ? thereAlready(out) : error;
  }
}
