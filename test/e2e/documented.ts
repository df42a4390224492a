import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

/**
 * The shell commands of a section of a document, one string for each fenced block.
 * @param document its path in the repository
 * @throws Error when there is no such section, or it has none
 */
export async function documentedCommands(document: string, section: string): Promise<string[]> {
  const text = await readFile(resolve(ROOT, document), "utf8");
  const [, after] = text.split(`\n## ${section}\n`);
  const [body = ""] = (after ?? "").split("\n## ");
  const blocks = [...body.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  if (blocks.length === 0) throw new Error(`${document} has no commands under "${section}"`);
  return blocks;
}
