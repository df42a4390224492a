import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseObjects } from "../cluster/apply.ts";
import { checksums, releasedImage, writeArtifacts } from "./artifacts.ts";
import { readiness } from "./readiness.ts";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "../..");
const MAIN = join(import.meta.dirname, "main.ts");
const IMAGES = {
  operator: { repository: "ghcr.io/example/operator", digest: `sha256:${"0".repeat(64)}` },
  console: { repository: "ghcr.io/example/console", digest: `sha256:${"1".repeat(64)}` },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-release-"));
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

/** A tree of a version. */
async function tree(version: string, changelog: string, frozen: string): Promise<string> {
  const root = await mkdtemp(join(folder, "tree-"));
  await writeFile(join(root, "package.json"), JSON.stringify({ version }));
  await writeFile(join(root, "CHANGELOG.md"), changelog);
  const release = join(root, "test/upgrades/releases", frozen);
  await mkdir(release, { recursive: true });
  await writeFile(join(release, "definitions.yaml"), [KIND, POLICY].join("---\n"));
  await writeFile(join(release, "objects.yaml"), POLICY);
  for (const [path, content] of [
    ["yaml", KIND],
    ["policies", POLICY],
  ] as const) {
    await mkdir(join(root, "crds", path), { recursive: true });
    await writeFile(join(root, "crds", path, "one.yaml"), `# Written otherwise.\n${content}`);
  }
  return root;
}

const KIND =
  "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: reels.example.com}\nspec: {group: example.com}\n";
const POLICY =
  "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p}\nspec: {failurePolicy: Fail}\n";

const CHANGELOG =
  "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n### Added\n\n- This.\n\n## [1.2.2] - 2026-11-01\n\n- That.\n";

describe("a release", () => {
  it("is of the version that its tag names, with what the changelog says of it", async () => {
    expect(await readiness(await tree("1.2.3", CHANGELOG, "1.2.3"), "v1.2.3")).toEqual({
      version: "1.2.3",
      notes: "### Added\n\n- This.",
    });
  });

  it("is none, and all that is missing is told, where tag and tree do not agree", async () => {
    const root = await tree("1.2.3", CHANGELOG, "1.2.3");
    await expect(readiness(root, "1.2.3")).rejects.toThrow("1.2.3 is no tag of a release");
    await expect(readiness(root, "v1.3.0")).rejects.toThrow(
      /package\.json says version 1\.2\.3; CHANGELOG\.md has no section "## \[1\.3\.0\].*; test\/upgrades\/releases\/1\.3\.0 is not there/,
    );
    const empty = await tree(
      "1.2.3",
      "## [1.2.3] - 2026-12-01\n\n## [1.2.2] - 2026-11-01\n- That.\n",
      "1.2.3",
    );
    await expect(readiness(empty, "v1.2.3")).rejects.toThrow("or nothing in it");
  });

  it("is none while what was frozen of it is not of this tree", async () => {
    const root = await tree("1.2.3", CHANGELOG, "1.2.3");
    const kind = join(root, "crds/yaml/one.yaml");
    await writeFile(kind, KIND.replace("group: example.com", "group: example.com, scope: Cluster"));
    await expect(readiness(root, "v1.2.3")).rejects.toThrow(
      /releases\/1\.2\.3 was frozen before CustomResourceDefinition reels\.example\.com came to be.*freeze\.ts/,
    );
    await writeFile(kind, KIND);
    await rm(join(root, "crds/policies/one.yaml"));
    await expect(readiness(root, "v1.2.3")).rejects.toThrow("frozen before ValidatingAdmissionPolicy p");
    await writeFile(join(root, "crds/policies/one.yaml"), POLICY);
    await expect(readiness(root, "v1.2.3")).resolves.toMatchObject({ version: "1.2.3" });
    await rm(join(root, "test/upgrades/releases/1.2.3/objects.yaml"));
    await expect(readiness(root, "v1.2.3")).rejects.toThrow("objects.yaml is not there");
  });

  it("is installed from files that name its image by digest", async () => {
    const out = join(folder, "out");
    await writeArtifacts(out, "1.2.3", IMAGES);
    const { operator, console } = IMAGES;
    const objects = parseObjects(await readFile(join(out, "install.yaml"), "utf8"));
    const images = objects.flatMap((object) => JSON.stringify(object).match(/"image":"[^"]+"/g) ?? []);
    expect(images).toEqual([`"image":"${operator.repository}@${operator.digest}"`]);
    expect(parse(await readFile(join(out, "certferry/values.yaml"), "utf8"))).toMatchObject({
      image: operator,
      console: { image: console },
    });
    expect(parse(await readFile(join(out, "certferry/Chart.yaml"), "utf8"))).toMatchObject({
      version: "1.2.3",
      appVersion: "1.2.3",
    });
    expect(releasedImage(`${operator.repository}@${operator.digest}`)).toEqual(operator);
    for (const text of ["ghcr.io/example/operator:latest", `@${operator.digest}`, "x@sha256:12"])
      expect(() => releasedImage(text)).toThrow("no image by digest");
    await writeFile(join(out, "SHA256SUMS"), await checksums(out, ["install.yaml"]));
    const { stdout } = await run("sha256sum", ["--check", "SHA256SUMS"], { cwd: out });
    expect(stdout).toBe("install.yaml: OK\n");
  });

  it("is not made of a tree that is not ready, by the command that the workflow runs", async () => {
    const failed = run(process.execPath, [MAIN, "check", "--tag", "v99.0.0"]);
    await expect(failed).rejects.toThrow("v99.0.0 cannot be released");
  });
});

describe("the workflows", () => {
  interface Workflow {
    readonly permissions: unknown;
    readonly jobs: Record<string, { permissions: object; steps: { uses?: string; run?: string }[] }>;
  }

  it("run actions by commit, with no more rights than each job says, and nothing that a tag could slip into a script", async () => {
    const workflows = join(ROOT, ".github/workflows");
    const names = await readdir(workflows);
    expect(names).toContain("release.yaml");
    for (const name of names) {
      const workflow = parse(await readFile(join(workflows, name), "utf8")) as Workflow;
      expect(workflow.permissions).toEqual({});
      for (const job of Object.values(workflow.jobs)) {
        expect(Object.keys(job.permissions).length).toBeGreaterThan(0);
        for (const { uses = "", run: script = "" } of job.steps) {
          expect(uses).toMatch(/^$|^[\w./-]+@[0-9a-f]{40}$/);
          expect(script).not.toContain("${{");
          // What a step runs of this tree is there.
          for (const [path] of script.matchAll(/\b(?:tools|image)\/[\w./-]+\.(?:ts|mjs)\b/g)) {
            await expect(readFile(join(ROOT, path))).resolves.toBeDefined();
          }
        }
      }
    }
  });
});
