import { readFile } from "node:fs/promises";
import { isPrepared, type ManifestWorkshop } from "../../../desk/manifests/workshop.ts";
import {
  inspectManifest,
  type ManifestSummary,
  type ReadOptions,
  readManifest,
  type StoredManifest,
} from "../../../operator/manifests/index.ts";
import type { Context } from "../../context.ts";
import { CliError, EXIT } from "../../exit.ts";
import { harmless } from "../../output/colour.ts";
import { count, some } from "../../output/words.ts";
import { cloudIdRows, writeFileNew } from "../manifest.ts";

/** A manifest that was looked through on this machine. */
export interface Examined {
  readonly summary: ManifestSummary;
  /** The file to hand on: the one that was given, or what was made of it. */
  readonly path: string;
  readonly sha256: string;
  readonly extension: "csv" | "json" | "7z";
  /** Its content is not the vendor's file, but made from it. */
  readonly converted: boolean;
}

export interface ExamineOptions {
  readonly file: string;
  readonly batchId: string;
  readonly slot: string | undefined;
  /** PEM. */
  readonly signers: string | undefined;
}

/**
 * Reads a manifest to its end with the operator's own readers, so that what is wrong with it is known before anything
 * is declared.
 * @throws ManifestError; CliError when no device of it can be provisioned
 */
export async function examine(
  context: Context,
  workshop: ManifestWorkshop,
  o: ExamineOptions,
): Promise<Examined> {
  const { io, signal } = context;
  const stored = await workshop.file(o.file, undefined, signal);
  const reading: ReadOptions = {
    batchId: o.batchId,
    now: new Date(io.clock.now()),
    certificateSlot: o.slot,
    signers: o.signers,
  };
  const summary = await inspectManifest(stored, reading, signal);
  if (summary.devices === 0) {
    throw new CliError(
      EXIT.refused,
      `no device of ${o.file} can be provisioned as batch ${o.batchId}: each of its ${count(summary.records)} entries is refused`,
      summary.firstRefused.map(({ row, reason, message }) => `row ${row}: ${reason}: ${message}`).join("\n"),
    );
  }
  if (await isPrepared(stored)) return await asCsv(context, workshop, { stored, summary, reading }, o);
  const head = await firstBytes(stored.path);
  const extension = head.startsWith("7z")
    ? "7z"
    : /^\s*[[{]/.test(head.replace("\uFEFF", ""))
      ? "json"
      : "csv";
  return { summary, path: stored.path, sha256: stored.sha256, extension, converted: false };
}

/** What the examination has found, in some lines. */
export function summaryLines({ summary }: Examined): string[] {
  const { devices, refused, issuers, keyTypes, earliestExpiry, format, firstRefused } = summary;
  const lines = [
    `${some(devices, "device")} (${format}; ${keyTypes.join(", ")}; issued by ${issuers.slice(0, 3).join("; ")}${issuers.length > 3 ? " and others" : ""}).`,
    ...(earliestExpiry === undefined
      ? []
      : [`The first certificate expires at ${earliestExpiry.replace(/\.\d+Z$/, "Z")}.`]),
  ];
  if (refused > 0) {
    lines.push(`${some(refused, "entry", "entries")} will be quarantined:`);
    for (const { row, device, reason, message } of firstRefused) {
      lines.push(`  row ${row}${device === undefined ? "" : ` (${device})`}: ${reason}: ${message}`);
    }
    if (refused > firstRefused.length) lines.push(`  … and ${count(refused - firstRefused.length)} more`);
  }
  if (summary.collidingSerials.size > 0) {
    lines.push(
      `${some(summary.collidingSerials.size, "serial number")} stand for several devices: clouds that name devices by serial number will refuse those (SerialCollision).`,
    );
  }
  return lines.map(harmless);
}

/** An archive of archives may hold the reel's keys, and is handed on to nobody: its certificates alone are. */
async function asCsv(
  { io, signal }: Context,
  workshop: ManifestWorkshop,
  { stored, summary, reading }: { stored: StoredManifest; summary: ManifestSummary; reading: ReadOptions },
  { batchId }: ExamineOptions,
): Promise<Examined> {
  const path = `${workshop.folder}/${batchId}.csv`;
  await writeFileNew(path, cloudIdRows(readManifest(stored, reading, signal), batchId));
  const made = await workshop.file(path, undefined, signal);
  await io.stderr.write(
    "This archive may hold the reel's keys, so it is not stored as it is: a table of the certificates of one slot is made from it.\n",
  );
  return { summary, path: made.path, sha256: made.sha256, extension: "csv", converted: true };
}

async function firstBytes(path: string): Promise<string> {
  const stream = (await import("node:fs")).createReadStream(path, { end: 63 });
  let head = "";
  for await (const chunk of stream) head += (chunk as Buffer).toString("latin1");
  return head;
}

/** @throws CliError when the file cannot be read */
export async function readPem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, "utf8").catch(() => "");
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new CliError(
    EXIT.usage,
    `${file} holds no certificate in PEM`,
    "Give the log signers of the vendor as PEM",
  );
}
