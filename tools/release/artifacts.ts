import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseDocument } from "yaml";
import { helmChart } from "../../charts/output/helm-chart.ts";
import { installYaml } from "../../charts/output/plain.ts";

/** The image of a release. */
export interface ReleasedImage {
  readonly repository: string;
  /** `sha256:…` of the whole index, for all platforms. */
  readonly digest: string;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * Writes what people install a release from, with its image by digest: `install.yaml`, and the Helm chart's folder
 * `certferry/`.
 * @param folder is emptied first
 * @throws Error for what is no digest
 */
export async function writeArtifacts(folder: string, version: string, image: ReleasedImage): Promise<void> {
  if (!DIGEST.test(image.digest)) throw new Error(`${image.digest} is no digest, such as sha256:0123…`);
  await rm(folder, { recursive: true, force: true });
  const files = new Map([["install.yaml", installYaml(version, { image })]]);
  for (const [path, content] of helmChart(version)) {
    files.set(join("certferry", path), path === "values.yaml" ? withImage(content, image) : content);
  }
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

function withImage(values: string, { repository, digest }: ReleasedImage): string {
  const document = parseDocument(values);
  document.setIn(["image", "repository"], repository);
  document.setIn(["image", "digest"], digest);
  return document.toString({ lineWidth: 0 });
}

/** As `sha256sum` writes it: a line for each file, in their order. */
export async function checksums(folder: string, names: readonly string[]): Promise<string> {
  const lines = names.map(async (name) => {
    const digest = createHash("sha256")
      .update(await readFile(join(folder, name)))
      .digest("hex");
    return `${digest}  ${name}\n`;
  });
  return (await Promise.all(lines)).join("");
}
