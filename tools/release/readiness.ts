import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

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
  const isFrozen = await stat(join(root, frozen)).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const missing = [
    ...(here === version ? [] : [`package.json says version ${here}`]),
    ...(notes === undefined
      ? [`CHANGELOG.md has no section "## [${version}] - DATE", or nothing in it`]
      : []),
    ...(isFrozen ? [] : [`${frozen} is not there: node test/upgrades/freeze.ts`]),
  ];
  if (notes === undefined || missing.length > 0)
    throw new Error(`${tag} cannot be released: ${missing.join("; ")}`);
  return { version, notes };
}

/** What a changelog says of a version; undefined where that is nothing. */
export function notesOf(changelog: string, version: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1);
  const own = sections.find((section) => section.startsWith(`[${version}] - `));
  const notes = own?.slice(own.indexOf("\n")).trim();
  return notes === "" ? undefined : notes;
}
