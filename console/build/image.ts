// Lays the folder of the console's image: `node console/build/image.ts --out DIR`
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundleProgram } from "../../image/bundle.ts";
import { billOfMaterials } from "../../image/sbom.ts";
import { buildPages } from "./pages.ts";

const MAIN = resolve(import.meta.dirname, "../main.ts");
const DIST = resolve(import.meta.dirname, "../dist");

/**
 * Writes all that the image has beside Node: the server's bundle, 7-Zip, the pages, the bill of materials.
 * @param folder is emptied first
 */
export async function layConsoleImage(folder: string): Promise<void> {
  // Pages are built here, so what builds them stays behind.
  const [{ files, inputs }, pages] = await Promise.all([
    bundleProgram(MAIN, { external: ["*/build/pages.ts"] }),
    buildPages(),
  ]);
  await rm(folder, { recursive: true, force: true });
  const put = async (path: string, content: string | Uint8Array): Promise<void> => {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  };
  for (const [name, content] of files) await put(name, content);
  for (const [path, content] of pages) await put(join("pages", path), content);
  await put("sbom.cdx.json", await billOfMaterials(inputs));
  // Without it Node would take the files for CommonJS.
  await put("package.json", '{ "type": "module" }\n');
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string", default: DIST } } });
  await layConsoleImage(values.out);
}
