import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { parseObjects, readObjects } from "../cluster/apply.ts";

/** A version that is released, as its tag names it, and what its changelog says. */
export interface Readiness {
  readonly version: string;
  /** Markdown, without the heading. */
  readonly notes: string;
}

/**
 * Whether a tree may be released under a tag.
 * @param tag `v` and the version
 * @throws Error that says all that is missing
 */
export async function readiness(root: string, tag: string): Promise<Readiness> {
  const version = /^v(\d+\.\d+\.\d+)$/.exec(tag)?.[1];
  if (version === undefined)
    throw new Error(`${tag} is no tag of a release: name it v and the version, as v1.2.3`);
  const { version: here } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    version: string;
  };
  const notes = notesOf(await readFile(join(root, "CHANGELOG.md"), "utf8"), version);
  const frozen = `test/upgrades/releases/${version}`;
  const missing = [
    ...(here === version ? [] : [`package.json says version ${here}`]),
    ...(notes === undefined
      ? [`CHANGELOG.md has no section "## [${version}] - DATE", or nothing in it`]
      : []),
    ...(await staleness(root, frozen)),
  ];
  if (notes === undefined || missing.length > 0)
    throw new Error(`${tag} cannot be released: ${missing.join("; ")}`);
  return { version, notes };
}

/** What is wrong with what was frozen of a version: it must be there, with the kinds and policies of this tree. */
async function staleness(root: string, frozen: string): Promise<string[]> {
  const again = "node test/upgrades/freeze.ts";
  const there = await stat(join(root, frozen)).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!there) return [`${frozen} is not there: ${again}`];
  const files = ["definitions.yaml", "objects.yaml"].map((file) => `${frozen}/${file}`);
  const [definitions = "", objects = ""] = await Promise.all(
    files.map((file) => readFile(join(root, file), "utf8").catch(() => "")),
  );
  if (definitions === "" || objects === "") return [`${files.join(" or ")} is not there: ${again}`];
  const own = await Promise.all(
    ["crds/yaml", "crds/policies"].map((folder) => readObjects(join(root, folder))),
  );
  const named = (objects: readonly KubeObject[]): Map<string, KubeObject> =>
    new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
  const then = named(parseObjects(definitions, files[0]));
  const now = named(own.flat());
  const changed = [...new Set([...then.keys(), ...now.keys()])].filter(
    (name) => !isDeepStrictEqual(then.get(name), now.get(name)),
  );
  if (changed.length === 0) return [];
  return [`${frozen} was frozen before ${changed.sort().join(", ")} came to be as in crds/: ${again}`];
}

/** What a changelog says of a version; undefined where that is nothing. */
export function notesOf(changelog: string, version: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1);
  const own = sections.find((section) => section.startsWith(`[${version}] - `));
  const notes = own?.slice(own.indexOf("\n")).trim();
  return notes === "" ? undefined : notes;
}
