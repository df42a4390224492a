// Reads a manifest to its end in a process of its own and prints a line of JSON: what was in it, the processor time
// that it took, and the most memory that the process had. `node probe.ts PATH BATCH-ID [SIGNERS.pem]`
import { readFile, stat } from "node:fs/promises";
import { inspectManifest } from "../../../operator/manifests/index.ts";

const [path = "", batchId = "", signers] = process.argv.slice(2);
const { size } = await stat(path);
const manifest = { path, sha256: "", bytes: size, release: () => Promise.resolve() };
const choice = signers === undefined ? {} : { signers: await readFile(signers, "utf8") };
const before = process.cpuUsage();
const summary = await inspectManifest(
  manifest,
  { batchId, now: new Date(), ...choice },
  AbortSignal.timeout(20 * 60_000),
);
const { user, system } = process.cpuUsage(before);
const { devices, refused, format } = summary;
const peakMiB = process.resourceUsage().maxRSS / 1024;
process.stdout.write(
  `${JSON.stringify({ devices, refused, format, cpuSeconds: (user + system) / 1e6, peakMiB })}\n`,
);
