import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { failureOf, temporaryFolder } from "../testing.ts";
import { openSource } from "./open.ts";
import { fileSource } from "./file.ts";

async function readBelow(root: string | undefined, path: string): Promise<string> {
  const source = fileSource({ path }, root);
  return Buffer.concat(await Array.fromAsync(source.bytes(AbortSignal.timeout(5000)))).toString();
}

describe("fileSource", () => {
  it("reads files below the folder, also through links that stay within it", async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, "..data", "sub"), { recursive: true });
    await writeFile(join(folder.path, "..data", "sub", "d001.csv"), "content");
    await symlink(join("..data", "sub"), join(folder.path, "2026"));
    await expect(readBelow(folder.path, "..data/sub/d001.csv")).resolves.toBe("content");
    await expect(readBelow(folder.path, "2026/d001.csv")).resolves.toBe("content");
  });

  it("never reads outside it, by dots, absolute paths or links", async () => {
    await using outside = await temporaryFolder();
    await using parent = await temporaryFolder();
    const root = join(parent.path, "root");
    await mkdir(root);
    await writeFile(join(outside.path, "secret"), "secret");
    await writeFile(`${root}-beside`, "secret");
    await symlink(join(outside.path, "secret"), join(root, "link"));
    await symlink(outside.path, join(root, "linked"));
    const paths = [
      join(outside.path, "secret"),
      `../../${outside.path.split("/").at(-1)}/secret`,
      "../root-beside",
      "link",
      "linked/secret",
      "a/../../etc/passwd",
      ".",
      "",
    ];
    for (const path of paths) {
      await expect(failureOf(readBelow(root, path))).resolves.toMatchObject({
        reason: "SourceNotAllowed",
        transient: false,
      });
    }
  });

  it("refuses what is no regular file, without waiting for it", async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, "sub"));
    execFileSync("mkfifo", [join(folder.path, "pipe")]);
    for (const path of ["sub", "pipe"]) {
      await expect(failureOf(readBelow(folder.path, path))).resolves.toMatchObject({
        reason: "SourceNotAllowed",
      });
    }
  });

  it("waits for a file that is not there yet, and says when there is no folder", async () => {
    await using folder = await temporaryFolder();
    const missing = await failureOf(readBelow(folder.path, "d001.csv"));
    expect(missing).toMatchObject({ reason: "SourceUnavailable", transient: true });
    expect(missing.message).toBe('file "d001.csv" cannot be read: it is not there');
    const none = await failureOf(readBelow(undefined, "d001.csv"));
    expect(none).toMatchObject({ reason: "SourceNotAllowed" });
    expect(none.message).toContain("--manifest-root");
  });
});

describe("openSource", () => {
  const options = {
    egress: { dispatcher: () => Promise.reject(new Error("unused")) as never },
    readSecret: () => Promise.reject(new Error("unused")),
    readConfigMap: (name: string, key: string) =>
      name === "manifests"
        ? Promise.resolve(Buffer.from(key))
        : Promise.reject(new Error(`configmaps "${name}" not found`)),
    idleMs: 1000,
  };
  const read = async (source: Parameters<typeof openSource>[0]): Promise<string> => {
    const opened = openSource(source, options);
    return Buffer.concat(await Array.fromAsync(opened.bytes(AbortSignal.timeout(5000)))).toString();
  };

  it("reads a key of a ConfigMap, or says which is missing", async () => {
    await expect(read({ configMap: { name: "manifests", key: "d001.csv" } })).resolves.toBe("d001.csv");
    const error = await failureOf(read({ configMap: { name: "other", key: "d001.csv" } }));
    expect(error).toMatchObject({ reason: "SourceUnavailable", transient: true });
    expect(error.message).toContain('key "d001.csv" of ConfigMap "other"');
  });

  it("wants exactly one source", async () => {
    await expect(failureOf(read({}))).resolves.toMatchObject({ reason: "SourceNotAllowed" });
    const two = { configMap: { name: "manifests", key: "a" }, file: { path: "a" } };
    await expect(failureOf(read(two))).resolves.toMatchObject({ reason: "SourceNotAllowed" });
  });
});
