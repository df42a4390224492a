import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { createIssuer, manifestCsv } from "../../../tools/factory/index.ts";
import { inspectManifest } from "../inspect.ts";
import { failureOf, temporaryFolder } from "../testing.ts";
import { ManifestStore, type ManifestStoreOptions } from "./store.ts";

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const digest = (content: string): string => createHash("sha256").update(content).digest("hex");

interface Bench {
  store: ManifestStore;
  dir: string;
  /** What ConfigMaps hold, by key; and how often each was read. */
  content: Map<string, string>;
  reads: Map<string, number>;
  another: () => ManifestStore;
}

async function bench(options: Partial<ManifestStoreOptions> = {}): Promise<Bench> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const dir = join(folder.path, "cache");
  const content = new Map<string, string>();
  const reads = new Map<string, number>();
  const another = (): ManifestStore =>
    new ManifestStore({
      dir,
      maxBytes: 1000,
      maxManifestBytes: 500,
      readConfigMap: (name, key) => {
        reads.set(key, (reads.get(key) ?? 0) + 1);
        const text = content.get(key);
        return text === undefined
          ? Promise.reject(new Error(`configmaps "${name}" not found`))
          : Promise.resolve(Buffer.from(text));
      },
      readSecret: () => Promise.reject(new Error("unused")),
      egress: new EgressPolicy({ allowCidrs: ["127.0.0.0/8"], env: {} }),
      retryPauseMs: 1,
      ...options,
    });
  return { store: another(), dir, content, reads, another };
}

async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const key = (name: string): { configMap: { name: string; key: string } } => ({
  configMap: { name: "manifests", key: name },
});

describe("ManifestStore", () => {
  it("keeps what it fetched under its digest, readable by nobody else", async () => {
    const { store, dir, content } = await bench();
    content.set("a", "alpha");
    const manifest = await store.fetch(key("a"), {}, soon());
    expect(manifest).toMatchObject({ sha256: digest("alpha"), bytes: 5, path: join(dir, digest("alpha")) });
    await expect(readFile(manifest.path, "utf8")).resolves.toBe("alpha");
    expect((await stat(manifest.path)).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    await expect(readdir(dir)).resolves.toEqual([digest("alpha")]);
  });

  it("serves a known digest without asking the source", async () => {
    const { store, content, reads } = await bench();
    content.set("a", "alpha");
    await (await store.fetch(key("a"), {}, soon())).release();
    content.delete("a");
    const known = await store.fetch(key("a"), { knownSha256: digest("alpha") }, soon());
    const declared = await store.fetch({ ...key("a"), sha256: digest("alpha") }, {}, soon());
    expect([known.bytes, declared.bytes, reads.get("a")]).toEqual([5, 5, 1]);
    await expect(failureOf(store.fetch(key("a"), {}, soon()))).resolves.toMatchObject({
      reason: "SourceUnavailable",
      transient: true,
    });
  });

  it("lets the declared digest go before the one known from earlier", async () => {
    const { store, content } = await bench();
    content.set("a", "alpha");
    await store.fetch(key("a"), {}, soon());
    content.set("a", "beta");
    const source = { ...key("a"), sha256: digest("beta") };
    const manifest = await store.fetch(source, { knownSha256: digest("alpha") }, soon());
    expect(manifest.sha256).toBe(digest("beta"));
  });

  it("refuses another digest, names both, and keeps nothing", async () => {
    const { store, dir, content } = await bench();
    content.set("a", "alpha");
    const error = await failureOf(store.fetch({ ...key("a"), sha256: digest("beta") }, {}, soon()));
    expect(error).toMatchObject({ reason: "DigestMismatch", transient: false });
    expect(error.message).toContain(digest("alpha"));
    expect(error.message).toContain(digest("beta"));
    await expect(readdir(dir)).resolves.toEqual([]);
  });

  it("refuses what is too large, and what holds a private key, and keeps nothing", async () => {
    const { store, dir, content } = await bench();
    content.set("large", "x".repeat(501));
    content.set("key", "-----BEGIN EC PRIVATE KEY-----\n");
    const large = await failureOf(store.fetch(key("large"), {}, soon()));
    expect(large).toMatchObject({ reason: "ManifestTooLarge", transient: false });
    expect(large.message).toContain("500 bytes");
    await expect(failureOf(store.fetch(key("key"), {}, soon()))).resolves.toMatchObject({
      reason: "ContainsPrivateKey",
    });
    await expect(readdir(dir)).resolves.toEqual([]);
  });

  it("discards a file whose reading finds a private key in it", async () => {
    const issuer = await createIssuer();
    const device = await issuer.issueDevice({ batchId: "D001" });
    const der = device.privateKey.export({ type: "pkcs8", format: "der" }).toString("base64");
    const { store, dir, content } = await bench({ maxBytes: 1e6, maxManifestBytes: 1e6 });
    content.set("a", `${manifestCsv([device], { batchId: "D001" })}x,D001,${der}\n`);
    const manifest = await store.fetch(key("a"), {}, soon());
    const reading = inspectManifest(manifest, { batchId: "D001", now: new Date() }, soon());
    await expect(failureOf(reading)).resolves.toMatchObject({ reason: "ContainsPrivateKey" });
    await expect(readdir(dir)).resolves.toEqual([]);
    await manifest.release();
    await store.fetch(key("a"), { knownSha256: manifest.sha256 }, soon());
  });

  it("makes room by removing what was used least recently and is not held", async () => {
    const { store, dir, content } = await bench();
    for (const name of ["a", "b", "c", "d", "e"]) content.set(name, name.repeat(300));
    const held = await store.fetch(key("a"), {}, soon());
    for (const name of ["b", "c"]) await (await store.fetch(key(name), {}, soon())).release();
    const again = await store.fetch(key("b"), { knownSha256: digest("b".repeat(300)) }, soon());
    await again.release();
    await again.release();
    await (await store.fetch(key("d"), {}, soon())).release();
    const names = (await readdir(dir)).map((name) =>
      ["a", "b", "c", "d"].find((n) => digest(n.repeat(300)) === name),
    );
    expect(new Set(names)).toEqual(new Set(["a", "b", "d"]));
    const more = [await store.fetch(key("b"), {}, soon()), await store.fetch(key("d"), {}, soon())];
    await expect(failureOf(store.fetch(key("e"), {}, soon()))).resolves.toMatchObject({
      reason: "CacheFull",
      transient: true,
    });
    for (const manifest of [held, ...more]) await expect(stat(manifest.path)).resolves.toBeDefined();
    await held.release();
    await expect(store.fetch(key("e"), {}, soon())).resolves.toMatchObject({ bytes: 300 });
  });

  it("takes over what an earlier process kept, verifies it, and removes what it left unfinished", async () => {
    const { store, dir, content, another, reads } = await bench();
    content.set("a", "alpha");
    content.set("b", "beta");
    await store.fetch(key("a"), {}, soon());
    await store.fetch(key("b"), {}, soon());
    await writeFile(join(dir, digest("beta")), "BETA");
    await writeFile(join(dir, `.partial-${process.pid}-9`), "unfinished");
    const later = another();
    const good = await later.fetch(key("a"), { knownSha256: digest("alpha") }, soon());
    expect([good.bytes, reads.get("a")]).toEqual([5, 1]);
    const fresh = await later.fetch(key("b"), { knownSha256: digest("beta") }, soon());
    await expect(readFile(fresh.path, "utf8")).resolves.toBe("beta");
    expect(reads.get("b")).toBe(2);
    expect(new Set(await readdir(dir))).toEqual(new Set([digest("alpha"), digest("beta")]));
  });

  it("starts within its bound, the oldest files going first", async () => {
    const { store, dir, content, another } = await bench();
    for (const name of ["a", "b", "c"]) {
      content.set(name, name.repeat(300));
      await store.fetch(key(name), {}, soon());
    }
    await utimes(join(dir, digest("b".repeat(300))), 1, 1);
    await writeFile(join(dir, digest("d".repeat(300))), "d".repeat(300));
    await another().fetch(key("a"), { knownSha256: digest("a".repeat(300)) }, soon());
    await expect(readdir(dir)).resolves.toHaveLength(3);
    await expect(stat(join(dir, digest("b".repeat(300))))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("opens its folder at the next try where the first failed", async () => {
    const { store, dir, content } = await bench();
    content.set("a", "alpha");
    await writeFile(dir, "a file in the folder's place");
    await expect(store.fetch(key("a"), {}, soon())).rejects.toMatchObject({ code: "EEXIST" });
    await rm(dir);
    await expect(store.fetch(key("a"), {}, soon())).resolves.toMatchObject({ sha256: digest("alpha") });
  });

  it("notices a file that is no longer there", async () => {
    const { store, content } = await bench();
    content.set("a", "alpha");
    const manifest = await store.fetch(key("a"), {}, soon());
    await manifest.discard?.();
    const again = await store.fetch(key("a"), { knownSha256: manifest.sha256 }, soon());
    await expect(readFile(again.path, "utf8")).resolves.toBe("alpha");
  });
});

describe("downloads", () => {
  it("are shared by all who want the same source at once", async () => {
    let asked = 0;
    const go = Promise.withResolvers<void>();
    const url = await listening(
      createServer((_, answer) => {
        asked += 1;
        void go.promise.then(() => answer.end("shared"));
      }),
    );
    const { store } = await bench();
    const impatient = new AbortController();
    const fetches = Array.from({ length: 5 }, () => store.fetch({ http: { url } }, {}, soon()));
    const left = store.fetch({ http: { url } }, {}, impatient.signal);
    impatient.abort();
    await expect(left).rejects.toMatchObject({ name: "AbortError" });
    go.resolve();
    const manifests = await Promise.all(fetches);
    expect(asked).toBe(1);
    expect(new Set(manifests.map((manifest) => manifest.path)).size).toBe(1);
    for (const manifest of manifests.slice(1)) await manifest.release();
    await expect(stat(manifests[0]?.path ?? "")).resolves.toBeDefined();
  });

  it("stop when the last one who waited has gone, and leave nothing", async () => {
    const closed = Promise.withResolvers<void>();
    const url = await listening(
      createServer((request, answer) => {
        request.on("close", () => closed.resolve());
        answer.writeHead(200).write("the beginning");
      }),
    );
    const { store, dir } = await bench();
    const stop = new AbortController();
    const fetching = store.fetch({ http: { url } }, {}, stop.signal);
    await expect.poll(() => readdir(dir).catch(() => [])).toHaveLength(1);
    stop.abort();
    await expect(fetching).rejects.toMatchObject({ name: "AbortError" });
    await closed.promise;
    await expect.poll(() => readdir(dir)).toEqual([]);
  });

  it("that break off are tried twice more, and then given up", async () => {
    let asked = 0;
    const url = await listening(
      createServer((request, answer) => {
        asked += 1;
        answer.writeHead(200, { "content-length": 8 }).write("half");
        if (request.url === "/never" || asked < 3) setTimeout(() => answer.destroy(), 10);
        else answer.end("half");
      }),
    );
    const { store, dir } = await bench();
    const manifest = await store.fetch({ http: { url } }, {}, soon());
    expect([manifest.sha256, asked]).toEqual([digest("halfhalf"), 3]);
    asked = 0;
    const error = await failureOf(store.fetch({ http: { url: `${url}/never` } }, {}, soon()));
    expect(error).toMatchObject({ reason: "SourceUnavailable", transient: true });
    expect(asked).toBe(3);
    await expect(readdir(dir)).resolves.toEqual([digest("halfhalf")]);
  });

  it("end at their deadline", async () => {
    const url = await listening(
      createServer((_, answer) => {
        answer.writeHead(200);
        const timer = setInterval(() => answer.write("x"), 20);
        answer.on("close", () => clearInterval(timer));
      }),
    );
    const { store } = await bench({ deadlineMs: 300 });
    const error = await failureOf(store.fetch({ http: { url } }, {}, soon()));
    expect(error).toMatchObject({ reason: "SourceUnavailable", transient: true });
    expect(error.message).toContain("did not arrive");
  });

  it("of an error page are fetched, and found to be no manifest when they are read", async () => {
    const url = await listening(
      createServer((_, answer) => answer.end("<!doctype html><p>Please sign in</p>")),
    );
    const { store } = await bench();
    const manifest = await store.fetch({ http: { url } }, {}, soon());
    const error = await failureOf(inspectManifest(manifest, { batchId: "D001", now: new Date() }, soon()));
    expect(error).toMatchObject({ reason: "NotAManifest" });
    expect(error.message).toContain("HTML page");
  });
});

describe("a ConfigMap that changes while another reads it", () => {
  it("is read anew for whoever asks after the change", async () => {
    const held = Promise.withResolvers<void>();
    let text = "before";
    const { store } = await bench({
      readConfigMap: async () => {
        const now = text;
        if (now === "before") await held.promise;
        return Buffer.from(now);
      },
    });
    const first = store.fetch(key("m"), {}, soon());
    await new Promise((resolve) => setImmediate(resolve));
    text = "after";
    const second = await store.fetch(key("m"), {}, soon());
    held.resolve();
    expect(second.sha256).toBe(digest("after"));
    await second.release();
    await (await first).release();
  });
});
