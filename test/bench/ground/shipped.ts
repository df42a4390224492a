import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleOperator } from "../../../image/bundle.ts";
import { NODE_FLAGS } from "../../../image/node-flags.ts";
import { reapFolder } from "../../../tools/process/reaper.ts";

let laid: Promise<readonly string[]> | undefined;

/**
 * The operator as it is shipped: the image's bundle, made once for all scenarios, in a folder that goes with this
 * process. The source takes some 60 MiB more, for its compiler and what a bundle leaves out, and longer to start.
 * @returns what Node is to be given
 */
export function shippedOperator(): Promise<readonly string[]> {
  laid ??= lay();
  return laid;
}

async function lay(): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "certferry-bench-"));
  reapFolder(folder);
  const { files } = await bundleOperator();
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  // Without it Node would take the files for CommonJS.
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  return [...NODE_FLAGS, join(folder, "main.js")];
}
