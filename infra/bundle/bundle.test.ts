import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { asset } from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sevenZip as newSevenZip } from "../../tools/factory/archive.ts";
import { functionAppPackage, lambdaArchive, PACKAGE_FILE } from "./archives.ts";
import { bundle, BundleError } from "./build.ts";
import { zip } from "./zip.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);

let folder: string;

beforeAll(async () => {
  // Within the repository, where its packages are found as from interop/hosts/.
  await mkdir(join(ROOT, ".certferry"), { recursive: true });
  folder = await mkdtemp(join(ROOT, ".certferry", "bundle-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function entry(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

async function callee(): Promise<string> {
  return await entry(
    "callee.ts",
    'import { Hono } from "hono";\nimport { createHash } from "node:crypto";\n' +
      "const app: Hono = new Hono();\napp.get('/', (c) => c.text('OK'));\n" +
      "export async function handler(event: { path: string }): Promise<{ statusCode: number; body: string }> {\n" +
      "  const answer = await app.request(event.path);\n" +
      "  return { statusCode: answer.status, body: createHash('sha256').update(await answer.text()).digest('hex') };\n}\n",
  );
}

describe("a bundle", () => {
  it("is one file that runs by itself, where no packages are", async () => {
    const { code } = bundle(await callee());
    const alone = await mkdtemp("/tmp/certferry-bundle-");
    try {
      await writeFile(join(alone, "index.mjs"), code);
      const { stdout } = await run(process.execPath, [
        "--input-type=module",
        "-e",
        `const { handler } = await import(${JSON.stringify(pathToFileURL(join(alone, "index.mjs")).href)}); console.log(JSON.stringify(await handler({ path: "/" })));`,
      ]);
      expect(JSON.parse(stdout)).toEqual({
        statusCode: 200,
        body: "565339bc4d33d72817b583024112eb7f5cdf3e5eef0252d6ec1b9c9a94e12bb3",
      });
    } finally {
      await rm(alone, { recursive: true, force: true });
    }
  });

  it("is the same for the same sources, from wherever it is made, and another for others", async () => {
    const file = await callee();
    const first = bundle(file);
    const { stdout } = await run(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `const { bundle } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, "build.ts")).href)}); console.log(bundle(${JSON.stringify(file)}).hash);`,
      ],
      { cwd: "/tmp" },
    );
    expect(stdout.trim()).toBe(first.hash);
    expect(first.code).not.toContain(ROOT);
    const text = await readFile(file, "utf8");
    expect(bundle(await entry("other.ts", text.replace("'OK'", "'ok'"))).hash).not.toBe(first.hash);
  });

  it("says which file it cannot be made of, and what to do", async () => {
    const broken = await entry(
      "broken.ts",
      'import { x } from "no-such-package";\nexport const handler = x;\n',
    );
    expect(() => bundle(broken)).toThrow(BundleError);
    expect(() => bundle(broken)).toThrow(/broken\.ts.*npm run setup.*no-such-package/);
    expect(() => bundle(join(folder, "missing.ts"))).toThrow(/missing\.ts/);
  });
});

describe("what is uploaded", () => {
  it("is for AWS an archive with index.mjs", async () => {
    const archive = lambdaArchive(await callee()) as asset.AssetArchive;
    const assets = (await archive.assets) as Record<string, asset.StringAsset>;
    expect(Object.keys(assets)).toEqual(["index.mjs"]);
    expect(await assets["index.mjs"]?.text).toBe(bundle(await callee()).code);
  });

  it("is for Azure a zip file with the host's settings beside the bundle, always of the same bytes", async () => {
    const first = functionAppPackage(await callee());
    const content = await readFile(PACKAGE_FILE);
    expect(content.equals(first.content)).toBe(true);
    const files = await unzipped(content);
    expect(Object.keys(files).sort()).toEqual(["host.json", "index.mjs", "package.json"]);
    expect(JSON.parse(files["host.json"] ?? "")).toMatchObject({
      version: "2.0",
      extensions: { http: { routePrefix: "" } },
    });
    expect(JSON.parse(files["package.json"] ?? "")).toMatchObject({ main: "index.mjs" });
    expect(files["index.mjs"]).toBe(bundle(await callee(), ["@azure/functions-core"]).code);
    expect(functionAppPackage(await callee()).hash).toBe(first.hash);
  });

  it("leaves to Azure's worker what it brings itself", async () => {
    const file = await entry(
      "azure.ts",
      'import { app } from "@azure/functions";\napp.http("all", { route: "{*path}", handler: () => ({ status: 200 }) });\n',
    );
    expect(bundle(file, ["@azure/functions-core"]).code).toMatch(/["']@azure\/functions-core["']/);
  });
});

describe("a zip file", () => {
  it("is read by others, with names in order whatever order they came in", async () => {
    const files = { "b/ü.txt": "zwei\n", "a.txt": "", "c.json": "{}".repeat(5000) };
    const reversed = Object.fromEntries(Object.entries(files).reverse());
    expect(zip(reversed)).toEqual(zip(files));
    expect(await unzipped(zip(files))).toEqual(files);
    expect(zip(files).length).toBeLessThan(600);
  });
});

async function unzipped(content: Buffer): Promise<Record<string, string>> {
  const said: string[] = [];
  const print = (line: string): number => said.push(line);
  const sevenZip = await newSevenZip({ print, printErr: print });
  sevenZip.FS.writeFile("package.zip", content);
  const { exitCode } = process;
  sevenZip.callMain(["x", "-oout", "package.zip"]);
  // 7z-wasm sets this process's own exit code, also when all went well.
  process.exitCode = exitCode;
  if (!said.join("\n").includes("Everything is Ok")) throw new Error(said.join("\n"));
  const files: Record<string, string> = {};
  const visit = (path: string): void => {
    for (const name of sevenZip.FS.readdir(path)) {
      if (name === "." || name === "..") continue;
      const full = `${path}/${name}`;
      if (sevenZip.FS.isDir(sevenZip.FS.stat(full).mode)) visit(full);
      else files[full.replace("out/", "")] = sevenZip.FS.readFile(full, { encoding: "utf8" });
    }
  };
  visit("out");
  return files;
}
