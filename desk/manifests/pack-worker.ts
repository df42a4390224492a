// Runs in a thread of its own, so that a console or a terminal goes on answering.
import { basename, dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import sevenZipModule, { type SevenZipModuleFactory } from "7z-wasm";
import type { PackOrder } from "./seven-zip.ts";

// The package's types describe an ES module; what Node gives for its CommonJS file is the factory itself.
const sevenZip = sevenZipModule as unknown as SevenZipModuleFactory;
const { input, name, output } = workerData as PackOrder;

async function pack(): Promise<string> {
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const seven = await sevenZip({ print: () => {}, printErr: say });
  for (const [point, folder] of [
    ["/in", dirname(input)],
    ["/out", dirname(output)],
  ] as const) {
    seven.FS.mkdir(point);
    seven.FS.mount(seven.NODEFS, { root: folder }, point);
  }
  process.exitCode = 0;
  // A name within the archive that differs from the file's is given to it afterwards.
  seven.callMain(["a", "-t7z", "-mx=5", `/out/${basename(output)}`, `/in/${basename(input)}`]);
  if (basename(input) !== name && process.exitCode === 0) {
    seven.callMain(["rn", `/out/${basename(output)}`, basename(input), name]);
  }
  return process.exitCode === 0 ? "" : said.join(" ").trim() || "no reason given";
}

const failure = await pack().catch((error: unknown) => String(error));
process.exitCode = 0;
parentPort?.postMessage(failure, []);
