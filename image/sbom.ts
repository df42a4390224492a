import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");

interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
}

interface Component {
  readonly type: "library" | "application";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly (
    | { readonly expression: string }
    | { readonly license: { readonly name: string } }
  )[];
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
}

/**
 * The bill of materials of a bundle, in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): the packages whose
 * files went into it and no others, with their licences and digests as the lock file has them. What the base image
 * brings is in the image's own.
 * @param inputs source files, from the top
 * @returns JSON; the same for the same inputs
 */
export async function billOfMaterials(inputs: readonly string[]): Promise<string> {
  const lock = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8")) as {
    version: string;
    packages: Record<string, LockEntry>;
  };
  const folders = new Set(inputs.map(packageFolder).filter((folder) => folder !== undefined));
  const components = [...folders].sort().map((folder) => {
    const entry = lock.packages[folder];
    if (entry?.version === undefined)
      throw new Error(`${folder} went into the bundle and is not in package-lock.json`);
    return component(folder.slice(folder.lastIndexOf("node_modules/") + 13), entry.version, entry);
  });
  const bom = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(components))}`,
    version: 1,
    metadata: {
      component: {
        ...component("certferry", lock.version, { license: "Apache-2.0" }),
        type: "application",
      },
    },
    components,
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

/** `node_modules/a/node_modules/@b/c` of a file in it; undefined for a file of ours. */
function packageFolder(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/u.exec(path)?.[0];
}

function component(name: string, version: string, { integrity, license }: LockEntry): Component {
  const purl = `pkg:npm/${name.replace(/^@/u, "%40")}@${version}`;
  const sha512 = integrity?.startsWith("sha512-") === true ? integrity.slice(7) : undefined;
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    ...(license === undefined ? {} : { licenses: [licence(license)] }),
    ...(sha512 === undefined
      ? {}
      : { hashes: [{ alg: "SHA-512", content: Buffer.from(sha512, "base64").toString("hex") }] }),
  };
}

/** Most packages write an SPDX expression; some name a file. */
function licence(text: string): NonNullable<Component["licenses"]>[number] {
  return text.startsWith("SEE ") ? { license: { name: text } } : { expression: text };
}

/** Of a text, so that the same bundle has the same (RFC 9562, version 8). */
function uuidOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-$3-$4-$5");
}
