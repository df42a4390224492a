import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { createIssuer, manifestCsv } from "../../../tools/factory/index.ts";
import type { StoredManifest } from "../records.ts";
import { failureOf, temporaryFolder } from "../testing.ts";
import { folderArchive } from "./archive/folder.ts";
import { archivePlace } from "./archive/open.ts";
import type { ManifestArchive } from "./archive/port.ts";
import { ManifestStore } from "./store.ts";
import type { ValidatedManifest } from "./validated.ts";

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const issuer = await createIssuer();
const csv = manifestCsv(await issuer.issueMany(3, { batchId: "D001" }), { batchId: "D001" });
const sha256 = createHash("sha256").update(csv).digest("hex");
const now = new Date();
const source = { configMap: { name: "m", key: "k" } };

interface Bench {
  readonly dir: string;
  readonly archiveDir: string;
  readonly held: { text: string | undefined };
  readonly failures: string[];
  /** Another operator: with a cache of its own, and the same archive. */
  readonly store: (archive?: ManifestArchive | null) => ManifestStore;
}

async function bench(): Promise<Bench> {
  const folder = await temporaryFolder();
  const stores: ManifestStore[] = [];
  onTestFinished(async () => {
    for (const store of stores) await store.close();
    await folder[Symbol.asyncDispose]();
  });
  const archiveDir = join(folder.path, "archive");
  const held: { text: string | undefined } = { text: csv };
  const failures: string[] = [];
  const store = (archive: ManifestArchive | null = folderArchive(archiveDir)): ManifestStore => {
    const made = new ManifestStore({
      dir: join(folder.path, `cache-${stores.length}`),
      maxBytes: 1024 ** 2,
      maxManifestBytes: 1024 ** 2,
      readConfigMap: () =>
        held.text === undefined ? Promise.reject(new Error("gone")) : Promise.resolve(Buffer.from(held.text)),
      readSecret: () => Promise.reject(new Error("unused")),
      egress: new EgressPolicy({ env: {} }),
      retryPauseMs: 5,
      archiveFailed: (digest, error) => failures.push(`${digest} ${String(error)}`),
      ...(archive === null ? {} : { archive }),
    });
    stores.push(made);
    return made;
  };
  return { dir: folder.path, archiveDir, held, failures, store };
}

async function read(store: ManifestStore, known?: string): Promise<ValidatedManifest> {
  const fetch = (): Promise<StoredManifest> =>
    store.fetch(source, known === undefined ? {} : { knownSha256: known }, soon());
  const manifest = await store.validated({ sha256: known, options: { batchId: "D001", now }, fetch }, soon());
  await manifest.release();
  return manifest;
}

const inArchive = (dir: string): Promise<string[]> => readdir(dir).catch(() => []);

describe("an archive of manifests in a folder", () => {
  it("gives a manifest back that was validated, when its source has gone", async () => {
    const { store, archiveDir, held } = await bench();
    const { summary } = await read(store());
    await expect.poll(() => inArchive(archiveDir)).toEqual([sha256]);
    await expect(readFile(join(archiveDir, sha256), "utf8")).resolves.toBe(csv);
    expect((await stat(join(archiveDir, sha256))).mode & 0o077).toBe(0);
    held.text = undefined;
    expect((await read(store(), sha256)).summary).toEqual(summary);
  });

  it("gives it back too when the source has another file by now", async () => {
    const { store, archiveDir, held } = await bench();
    await read(store());
    await expect.poll(() => inArchive(archiveDir)).toEqual([sha256]);
    held.text = `${csv}x,D001,\n`;
    expect((await read(store(), sha256)).sha256).toBe(sha256);
  });

  it("is missed in words by an operator that has none, and by one whose archive lacks the file", async () => {
    const { store, held, archiveDir } = await bench();
    held.text = undefined;
    const without = await failureOf(read(store(null), sha256));
    expect(without).toMatchObject({ reason: "SourceUnavailable", transient: true });
    expect(without.message).toContain("--manifest-archive");
    const lacking = await failureOf(read(store(), sha256));
    expect(lacking.message).toContain(`(${archiveDir}) does not have it either`);
    const never = await failureOf(read(store(null)));
    expect(never.message).not.toContain("archive");
  });

  it("holds no manifest that was refused, or of which nothing can be used", async () => {
    const { store, held, archiveDir } = await bench();
    held.text = "device_id,group_id,certificate\nx,D001,y\n";
    await read(store());
    held.text = "<html></html>";
    await expect(read(store())).rejects.toMatchObject({ reason: "NotAManifest" });
    held.text = csv;
    await read(store());
    await expect.poll(() => inArchive(archiveDir)).toEqual([sha256]);
  });

  it("believes nothing that is not what its name says, and takes the right file in its place", async () => {
    const { store, archiveDir, failures, held } = await bench();
    await mkdir(archiveDir);
    const other = csv.replace("D001", "D00X");
    await writeFile(join(archiveDir, sha256), other);
    expect((await read(store(), sha256)).sha256).toBe(sha256);
    expect(failures).toEqual([expect.stringContaining("has another one")]);
    await expect.poll(() => readFile(join(archiveDir, sha256), "utf8")).toBe(csv);
    await writeFile(join(archiveDir, sha256), other);
    held.text = undefined;
    await expect(read(store(), sha256)).rejects.toMatchObject({ reason: "SourceUnavailable" });
  });

  it("is tried again when it could not take a manifest, and removes what a killed operator left", async () => {
    const { store, archiveDir, failures } = await bench();
    await writeFile(archiveDir, "a file in the folder's place");
    const one = store();
    await read(one);
    await expect.poll(() => failures.length).toBeGreaterThan(1);
    await rm(archiveDir);
    await expect.poll(() => inArchive(archiveDir)).toEqual([sha256]);
    await rm(join(archiveDir, sha256));
    const left = join(archiveDir, `.partial-${sha256}-0`);
    await writeFile(left, "half");
    await utimes(left, 1, 1);
    await writeFile(join(archiveDir, `.partial-${sha256}-1`), "another operator is at it");
    await read(store());
    await expect.poll(() => inArchive(archiveDir)).toEqual([`.partial-${sha256}-1`, sha256]);
  });

  it("that cannot be read is named beside the source, and hides no source that can", async () => {
    const { store, archiveDir, held } = await bench();
    const broken = (): ManifestArchive =>
      Object.assign(folderArchive(archiveDir), {
        get: () => Promise.reject(new Error("no route to the volume")),
      });
    expect((await read(store(broken()), sha256)).sha256).toBe(sha256);
    held.text = undefined;
    const error = await failureOf(read(store(broken()), sha256));
    expect(error).toMatchObject({ reason: "SourceUnavailable", transient: true });
    expect(error.message).toContain("gone");
    expect(error.message).toContain("no route to the volume");
  });

  it("ends with its operator, in the middle of what it does", async () => {
    const { store, archiveDir } = await bench();
    let asked = 0;
    const slow = Object.assign(folderArchive(archiveDir), {
      has: (_: unknown, signal: AbortSignal) =>
        new Promise<boolean>((_resolve, reject) => {
          asked += 1;
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        }),
    });
    const one = store(slow);
    await read(one);
    await expect.poll(() => asked).toBe(1);
    await one.close();
    await expect(inArchive(archiveDir)).resolves.toEqual([]);
  });
});

it("--manifest-archive names a folder, or a bucket and a prefix", () => {
  expect(archivePlace("/var/lib/manifests")).toEqual({ kind: "folder", dir: "/var/lib/manifests" });
  expect(archivePlace("s3://reels")).toEqual({ kind: "bucket", bucket: "reels", prefix: "" });
  expect(archivePlace("s3://reels/a/b/")).toEqual({ kind: "bucket", bucket: "reels", prefix: "a/b" });
  for (const text of ["", "s3://", "s3://A_B/x", "https://example.com", "gs://bucket"]) {
    expect(() => archivePlace(text)).toThrow(/give a folder, or a bucket/);
  }
});
