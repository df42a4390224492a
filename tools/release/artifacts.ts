import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseDocument } from "yaml";
import { helmChart } from "../../charts/output/helm-chart.ts";
import { installYaml } from "../../charts/output/plain.ts";

/** The images of a release. */
export interface ReleasedImages {
  readonly operator: ReleasedImage;
  readonly console: ReleasedImage;
}

export interface ReleasedImage {
  readonly repository: string;
  /** `sha256:…` of the whole index, for all platforms. */
  readonly digest: string;
}

/** @throws Error for what is no image by digest */
export function releasedImage(text: string): ReleasedImage {
  const [, repository, digest] = /^([^@\s]+)@(sha256:[0-9a-f]{64})$/.exec(text) ?? [];
  if (repository === undefined || digest === undefined)
    throw new Error(`${text} is no image by digest, such as ghcr.io/certferry/operator@sha256:0123…`);
  return { repository, digest };
}

/**
 * Writes what people install a release from, with its images by digest: `install.yaml`, and the Helm chart's folder
 * `certferry/`.
 * @param folder is emptied first
 */
export async function writeArtifacts(folder: string, version: string, images: ReleasedImages): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const files = new Map([["install.yaml", installYaml(version, { image: images.operator })]]);
  for (const [path, content] of helmChart(version)) {
    files.set(join("certferry", path), path === "values.yaml" ? withImages(content, images) : content);
  }
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

function withImages(values: string, images: ReleasedImages): string {
  const document = parseDocument(values);
  for (const [at, image] of [
    [["image"], images.operator],
    [["console", "image"], images.console],
  ] as const) {
    for (const [key, value] of Object.entries(image)) document.setIn([...at, key], value);
  }
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
