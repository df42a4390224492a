// Lays the image's folder: `node image/build.ts --out DIR` (image/dist unless told).
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleOperator } from "./bundle.ts";
import { billOfMaterials } from "./sbom.ts";

const DIST = join(import.meta.dirname, "dist");

/**
 * Writes all that the image has beside Node: the bundle, its source maps, 7-Zip, the bill of materials.
 * @param folder is emptied first
 */
export async function layImage(folder: string): Promise<void> {
  const { files, inputs } = await bundleOperator();
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  await writeFile(join(folder, "sbom.cdx.json"), await billOfMaterials(inputs));
  // Without it Node would take the files for CommonJS.
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string", default: DIST } } });
  await layImage(values.out);
}
