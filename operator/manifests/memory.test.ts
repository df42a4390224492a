import { execFile } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { createIssuer, manifest7z, manifestCsv } from "../../tools/factory/index.ts";
import { temporaryFolder } from "./testing.ts";

const MIB = 1024 * 1024;
const HEADER = "device_id,group_id,certificate\n";

/** Reads a file in a process of its own and tells what came of it, and how much memory that took at most. */
const PROBE = `
import { stat } from "node:fs/promises";
const { inspectManifest } = await import(process.argv[1]);
const path = process.argv[2];
const options = { batchId: "D001", now: new Date(), limits: { maxRatio: 1e9 } };
const manifest = { path, sha256: "", bytes: (await stat(path)).size, release: async () => {} };
const signal = AbortSignal.timeout(60_000);
const before = process.memoryUsage.rss();
const outcome = await inspectManifest(manifest, options, signal).then(
  (summary) => summary.devices + " devices, " + summary.refused + " refused",
  (error) => error.reason ?? String(error),
);
const grownMiB = (process.resourceUsage().maxRSS * 1024 - before) / 1024 / 1024;
console.log(JSON.stringify({ outcome, grownMiB }));
`;

async function probe(content: Iterable<Uint8Array | string>): Promise<{ outcome: string; grownMiB: number }> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "manifest");
  await pipeline(Readable.from(content), createWriteStream(path));
  const entry = new URL("index.ts", import.meta.url).href;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", PROBE, entry, path],
    {
      timeout: 90_000,
    },
  );
  return JSON.parse(stdout) as { outcome: string; grownMiB: number };
}

function* repeated(piece: Uint8Array | string, bytes: number): Generator<Uint8Array | string> {
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
}

const MEGABYTE = Buffer.alloc(MIB, "A");

describe("memory while reading", { timeout: 120_000 }, () => {
  it.each([
    ["one line", "", MEGABYTE, "ManifestTooLarge"],
    ["one quoted field", `${HEADER}x,D001,"`, MEGABYTE, "ManifestTooLarge"],
    [
      "one quoted field of many lines",
      `${HEADER}x,D001,"`,
      `${"A".repeat(64)}\n`.repeat(16_000),
      "0 devices, 1 refused",
    ],
    ["empty lines", HEADER, "\r\n".repeat(MIB / 2), "ManifestEmpty"],
  ])("stays bounded with 200 MB that are %s", async (_, start, piece, outcome) => {
    const probed = await probe([start, ...repeated(piece, 200 * MIB)]);
    expect(probed.outcome).toBe(outcome);
    expect(probed.grownMiB).toBeLessThan(100);
  });

  it("stays bounded with many devices", async () => {
    const issuer = await createIssuer();
    const devices = await issuer.issueMany(200, { batchId: "D001" });
    const rows = manifestCsv(devices, { batchId: "D001" }).slice(HEADER.length);
    const probed = await probe([HEADER, ...repeated(rows, rows.length * 50)]);
    expect(probed.outcome).toBe("200 devices, 9800 refused");
    expect(probed.grownMiB).toBeLessThan(100);
  });

  it("stays bounded with an archive that unpacks faster than it is read, to 200 MB", async () => {
    const content = Buffer.concat([Buffer.from(HEADER), Buffer.alloc(200 * MIB, "\n")]);
    const probed = await probe([await manifest7z(content, "a.csv", { level: 1 })]);
    expect(probed.outcome).toBe("ManifestEmpty");
    // Of these, 80 MB are the thread and 7-Zip itself.
    expect(probed.grownMiB).toBeLessThan(160);
  });
});
