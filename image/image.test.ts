import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findHadolint } from "../tools/hadolint/source.ts";
import { missingPart } from "../tools/setup/missing-part.ts";
import { layImage } from "./build.ts";
import { bundleOperator } from "./bundle.ts";
import { NODE_FLAGS } from "./node-flags.ts";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "..");
const DOCKERFILE = join(import.meta.dirname, "Dockerfile");
const hadolintMissing = await missingPart(findHadolint());

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-image-"));
  await layImage(folder);
});

afterAll(async () => await rm(folder, { recursive: true, force: true }));

const text = (name: string): Promise<string> => readFile(join(folder, name), "utf8");

describe("the image's folder", () => {
  it("is all that it takes: the operator runs where nothing else is", async () => {
    const { stdout } = await run(process.execPath, [...NODE_FLAGS, "main.js", "--help"], {
      cwd: folder,
      env: {},
      timeout: 30_000,
    });
    expect(stdout).toContain("Usage: operator");
    const files =
      "7zz.License.txt 7zz.unRarLicense.txt 7zz.wasm main.js main.js.map package.json sbom.cdx.json " +
      "unpack-worker.js unpack-worker.js.map";
    expect((await readdir(folder)).sort()).toEqual(files.split(" ").sort());
  });

  it("imports nothing but what Node brings", async () => {
    for (const name of ["main.js", "unpack-worker.js"]) {
      const imported = [...(await text(name)).matchAll(/^import .* from "(?<from>[^"]+)";$/gmu)];
      expect(imported.length).toBeGreaterThan(0);
      expect(
        imported
          .map(({ groups }) => groups?.["from"] ?? "")
          .filter((from) => !/^(?:node:|[a-z_/]+$)/u.test(from)),
      ).toEqual([]);
    }
  });

  it("tells where in the sources an error is, and nothing of the machine that it was made on", async () => {
    const map = JSON.parse(await text("main.js.map")) as { sources: string[] };
    expect(map.sources).toContain("../operator/main.ts");
    for (const name of await readdir(folder)) expect((await text(name)).includes(ROOT), name).toBe(false);
  });

  it("has source maps that are no larger than what they are for: Node keeps a map in memory from the first error on", async () => {
    for (const name of ["main.js.map", "unpack-worker.js.map"]) {
      expect((await text(name)).length, name).toBeLessThan(1024 ** 2);
    }
  });

  it("is the same whenever it is made of the same sources", async () => {
    const [one, two] = [await bundleOperator(), await bundleOperator()];
    expect(two.inputs).toEqual(one.inputs);
    for (const [name, content] of one.files)
      expect(Buffer.from(content).equals(two.files.get(name) ?? new Uint8Array())).toBe(true);
  });
});

describe("the bill of materials", () => {
  interface Bom {
    components: {
      name: string;
      version: string;
      purl: string;
      licenses?: object[];
      hashes?: { content: string }[];
    }[];
  }

  it("has each package that went into the bundle, with licence and digest, and none besides", async () => {
    const { components } = JSON.parse(await text("sbom.cdx.json")) as Bom;
    const { inputs } = await bundleOperator();
    const packages = new Set(
      inputs.flatMap(
        (path) =>
          /node_modules\/(?<name>(?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/u.exec(path)?.groups?.["name"] ??
          [],
      ),
    );
    expect(new Set(components.map(({ name }) => name))).toEqual(packages);
    expect(components.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["@kubernetes/client-node", "7z-wasm", "undici"]),
    );
    expect(components.map(({ name }) => name)).not.toContain("vitest");
    for (const { name, licenses, hashes, purl, version } of components) {
      expect(licenses?.length, `${name}: licence`).toBe(1);
      expect(hashes?.[0]?.content, `${name}: digest`).toMatch(/^[0-9a-f]{128}$/);
      expect(purl).toBe(`pkg:npm/${name.replace("@", "%40")}@${version}`);
    }
  });
});

describe("the Dockerfile", () => {
  it.skipIf(hadolintMissing !== undefined)(`passes hadolint${hadolintMissing ?? ""}`, async () => {
    const { stdout } = await run(await findHadolint(), [DOCKERFILE], { timeout: 60_000 });
    expect(stdout).toBe("");
  });

  it("runs what is laid here as the user that the charts name, and copies what it needs past its ignore file", async () => {
    const dockerfile = await readFile(DOCKERFILE, "utf8");
    expect(dockerfile).toMatch(/^USER 65532:65532$/m);
    const entry = /^ENTRYPOINT (?<words>.*)$/m.exec(dockerfile)?.groups?.["words"] ?? "";
    expect(JSON.parse(entry)).toEqual(["/nodejs/bin/node", ...NODE_FLAGS, "/app/main.js"]);
    const ignore = (await readFile(`${DOCKERFILE}.dockerignore`, "utf8")).split("\n");
    const kept = ignore.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
    const { inputs } = await bundleOperator();
    const own = inputs.filter((path) => !path.includes("node_modules/"));
    const rooms = new Set(own.map((path) => path.split("/")[0] ?? ""));
    expect(
      [...rooms].filter(
        (room) => !kept.some((pattern) => pattern === room || pattern.startsWith(`${room}/`)),
      ),
    ).toEqual([]);
  });
});
