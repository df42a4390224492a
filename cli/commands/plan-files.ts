import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";

/**
 * The objects of a file, of a folder's files (without those of folders in it), or of the standard input.
 * @param path `-` is the standard input
 * @throws CliError
 */
export async function objectsFrom(path: string, context: Context): Promise<KubeObject[]> {
  const objects: KubeObject[] = [];
  for (const file of await filesOf(path)) objects.push(...objectsIn(await textOf(file, context), file));
  return objects;
}

/** As kubectl takes them. */
const ENDINGS: ReadonlySet<string> = new Set([".json", ".yaml", ".yml"]);

async function filesOf(path: string): Promise<string[]> {
  if (path === "-") return [path];
  const names = await readable(path, async () =>
    (await stat(path)).isDirectory() ? await readdir(path) : undefined,
  );
  if (names === undefined) return [path];
  const files = names.filter((name) => ENDINGS.has(extname(name))).sort();
  if (files.length > 0) return files.map((name) => join(path, name));
  throw new CliError(EXIT.usage, `folder ${path} holds no file that ends in .yaml, .yml or .json`);
}

async function readable<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const code = error instanceof Error ? String(Reflect.get(error, "code")) : "";
    throw new CliError(
      EXIT.usage,
      `${file} ${code === "ENOENT" ? "does not exist" : `cannot be read (${code})`}`,
    );
  }
}

async function textOf(file: string, { io }: Context): Promise<string> {
  if (file !== "-") return await readable(file, async () => await readFile(file, "utf8"));
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function objectsIn(text: string, file: string): KubeObject[] {
  return parseAllDocuments(text).flatMap((document): KubeObject[] => {
    const [error] = document.errors;
    if (error !== undefined)
      throw new CliError(EXIT.usage, `${file} is no YAML: ${error.message.split("\n")[0] ?? ""}`);
    const object = document.toJS() as (Partial<KubeObject> & { items?: KubeObject[] }) | null;
    if (object === null) return [];
    if (object.kind === "List" && Array.isArray(object.items)) return object.items;
    if (
      typeof object.kind === "string" &&
      typeof object.apiVersion === "string" &&
      typeof object.metadata?.name === "string"
    ) {
      return [object as KubeObject];
    }
    throw new CliError(EXIT.usage, `${file} holds a document without apiVersion, kind or metadata.name`);
  });
}
