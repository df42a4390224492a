import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The version (without its v) of a module that the go.mod of a folder requires.
 * @throws Error when it does not
 */
export async function moduleVersion(folder: string, module: string): Promise<string> {
  const mod = await readFile(join(folder, "go.mod"), "utf8");
  const version = new RegExp(`^(?:require )?\\s*${module} v(\\S+)`, "m").exec(mod)?.[1];
  if (version === undefined)
    throw new Error(`${join(folder, "go.mod")} does not name a version of ${module}`);
  return version;
}
