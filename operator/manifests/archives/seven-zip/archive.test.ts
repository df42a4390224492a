import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createIssuer, manifest7z, manifestCsv } from "../../../../tools/factory/index.ts";
import { readManifest } from "../../reader.ts";
import type { ReadLimits } from "../../records.ts";
import { failureOf, recordsOf, storedManifest } from "../../testing.ts";
import { DEFAULT_LIMITS } from "../../records.ts";
import { openSevenZip } from "./archive.ts";

const issuer = await createIssuer();
const devices = await issuer.issueMany(40, { batchId: "D001" });
const csv = manifestCsv(devices, { batchId: "D001" });
const archive = Buffer.from(await manifest7z(csv, "D001.csv"));
const MIB = 1024 * 1024;

function failure(content: Uint8Array, limits: Partial<ReadLimits> = {}): ReturnType<typeof failureOf> {
  return failureOf(recordsOf(content, { limits }));
}

describe("a CSV in a .7z archive", () => {
  it("gives the same records as the CSV by itself", async () => {
    const now = new Date();
    const packed = await recordsOf(archive, { now });
    expect(packed).toHaveLength(40);
    expect(packed).toEqual(await recordsOf(csv, { now }));
  });

  it("may have any name, and a README beside it", async () => {
    await expect(recordsOf(await manifest7z(csv, "ma nifest* [1]"))).resolves.toHaveLength(40);
    for (const name of ["A-README.txt", "README.txt"]) {
      const beside = await manifest7z(csv, "D001.CSV", { alongside: { [name]: "how to use it", empty: "" } });
      await expect(recordsOf(beside)).resolves.toHaveLength(40);
    }
  });

  it("streams at the reader's pace, however large it is", async () => {
    const filler = Buffer.alloc(16 * MIB, "\n");
    const large = await manifest7z(Buffer.concat([Buffer.from(csv), filler]), "D001.csv", { level: 1 });
    const records = await recordsOf(large, { limits: { maxRatio: 1e6 } });
    expect(records).toHaveLength(40);
  });

  it("is unpacked beside the event loop, not in it", async () => {
    const busy = await manifest7z(Buffer.alloc(192 * MIB, "A"), "D001.csv", { level: 1 });
    await using manifest = await storedManifest(busy);
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 1);
    const limits = { ...DEFAULT_LIMITS, maxRatio: 1e6 };
    const content = await openSevenZip(manifest, limits, AbortSignal.timeout(60_000));
    let bytes = 0;
    for await (const chunk of content.bytes(AbortSignal.timeout(60_000))) bytes += chunk.length;
    clearInterval(ticking);
    await content[Symbol.asyncDispose]();
    expect(bytes).toBe(192 * MIB);
    expect(turns).toBeGreaterThan(20);
  });

  it("ends its thread when the reader stops early, or its signal aborts", async () => {
    await using manifest = await storedManifest(archive);
    for await (const record of readManifest(
      manifest,
      { batchId: "D001", now: new Date() },
      AbortSignal.timeout(30_000),
    )) {
      expect(record.ordinal).toBe(0);
      break;
    }
    const stop = new AbortController();
    const content = await openSevenZip(manifest, DEFAULT_LIMITS, stop.signal);
    stop.abort();
    await expect(Array.fromAsync(content.bytes(stop.signal))).rejects.toMatchObject({ name: "AbortError" });
    await content[Symbol.asyncDispose]();
    await expect(openSevenZip(manifest, DEFAULT_LIMITS, AbortSignal.abort())).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

describe("an archive that is refused", () => {
  it.each([
    ["its list can be read", { password: "secret" }],
    ["its list is encrypted too", { password: "secret", encryptNames: true }],
  ])("PasswordRequired: %s", async (_, options) => {
    const error = await failure(await manifest7z(csv, "D001.csv", options));
    expect(error).toMatchObject({ reason: "PasswordRequired", transient: false });
  });

  it.each([1, 10, 31, 32, 100, 1000, archive.length - 100, archive.length - 1])(
    "ArchiveUnreadable: cut off after %i bytes",
    async (length) => {
      const cut = archive.subarray(0, length);
      const error = await failure(cut);
      // Without the whole signature it is not even known to be an archive.
      expect(error.reason).toBe(length < 6 ? "NotAManifest" : "ArchiveUnreadable");
      expect(error.transient).toBe(false);
    },
  );

  it("ArchiveUnreadable: damaged at any place", async () => {
    for (const at of [8, 13, 40, Math.floor(archive.length / 2), archive.length - 10]) {
      const damaged = Buffer.from(archive);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      const error = await failure(damaged);
      expect(`${at}: ${error.reason}`).toBe(`${at}: ArchiveUnreadable`);
      expect(error.message).not.toContain("/");
    }
  });

  it("ManifestTooLarge: an archive bomb, by its ratio and by its size", async () => {
    const bomb = await manifest7z(Buffer.alloc(64 * MIB, "A"), "D001.csv", { level: 1 });
    expect(bomb.length).toBeLessThan(64 * 1024);
    const byRatio = await failure(bomb);
    expect(byRatio).toMatchObject({ reason: "ManifestTooLarge" });
    expect(byRatio.message).toContain("bomb");
    const bySize = await failure(bomb, { maxContentBytes: 32 * MIB });
    expect(bySize).toMatchObject({ reason: "ManifestTooLarge" });
    expect(bySize.message).toContain("64 MiB");
  });

  it("ManifestTooLarge: a dictionary that does not fit into the memory allowed", async () => {
    const packed = await manifest7z(Buffer.alloc(16 * MIB), "D001.csv");
    const error = await failure(packed, { maxUnpackMemoryBytes: 16 * MIB, maxRatio: 1e6 });
    expect(error).toMatchObject({ reason: "ManifestTooLarge" });
    expect(error.message).toContain("16 MiB");
  });

  it("NotAManifest: no CSV among the files, several, or another archive", async () => {
    const two = await failure(await manifest7z(csv, "a.csv", { alongside: { "b.csv": csv } }));
    expect(two).toMatchObject({ reason: "NotAManifest" });
    expect(two.message).toContain('"a.csv", "b.csv"');
    const none = await failure(await manifest7z("a", "a.txt", { alongside: { "b.txt": "b" } }));
    expect(none).toMatchObject({ reason: "NotAManifest" });
    const nested = await failure(await manifest7z(archive, "D001.7z"));
    expect(nested).toMatchObject({ reason: "NotAManifest" });
    expect(nested.message).toContain("within a .7z");
    const page = await failure(await manifest7z("<html><body>Not found</body></html>", "D001.csv"));
    expect(page).toMatchObject({ reason: "NotAManifest" });
    await expect(failure(await manifest7z("", "D001.csv"))).resolves.toMatchObject({
      reason: "ManifestEmpty",
    });
  });

  it("ContainsPrivateKey: in the CSV, in a file beside it, or an archive of keys by its name", async () => {
    const key = devices[0]?.privateKey.export({ type: "pkcs8", format: "pem" }).toString() ?? "";
    const der = devices[0]?.privateKey.export({ type: "pkcs8", format: "der" }) ?? Buffer.alloc(0);
    const archives = [
      await manifest7z(`${csv}dev,D001,"${key}"\n`, "D001.csv"),
      await manifest7z(csv, "D001.csv", { alongside: { "zz.txt": key } }),
      await manifest7z(csv, "D001.csv", { alongside: { "reel_GUID_keys.7z": "sealed" } }),
      await manifest7z(csv, "D001.csv", { alongside: { [`${"r".repeat(140)}_keys.7z`]: "sealed" } }),
      await manifest7z(csv, "D001.csv", { alongside: { "key.der": der } }),
      await manifest7z(csv, "D001.csv", { alongside: { "A-note.txt": der.toString("base64") } }),
      await manifest7z(der, "D001.csv"),
      await manifest7z("x", "_keys.7z", {
        alongside: Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`f${n}`, ""])),
      }),
    ];
    for (const content of archives) {
      await using manifest = await storedManifest(content);
      const reading = Array.fromAsync(
        readManifest(manifest, { batchId: "D001", now: new Date() }, AbortSignal.timeout(30_000)),
      );
      await expect(failureOf(reading)).resolves.toMatchObject({ reason: "ContainsPrivateKey" });
      expect(manifest.discarded).toBe(true);
    }
  });

  it("is not kept, whatever it is refused for: it was not searched to its end", async () => {
    const key = devices[0]?.privateKey.export({ type: "pkcs8", format: "pem" }).toString() ?? "";
    for (const content of [
      await manifest7z(csv, "a.csv", { alongside: { "b.csv": csv, "key.pem": key } }),
      await manifest7z("id;what\n", "a.csv", { alongside: { "key.pem": key } }),
      await manifest7z(csv, "a.csv", { password: "secret" }),
      archive.subarray(0, 1000),
    ]) {
      await using manifest = await storedManifest(content);
      const reading = Array.fromAsync(
        readManifest(manifest, { batchId: "D001", now: new Date() }, AbortSignal.timeout(30_000)),
      );
      await expect(failureOf(reading)).resolves.toMatchObject({ transient: false });
      expect(manifest.discarded).toBe(true);
    }
  });

  it("ArchiveUnreadable: nothing comes out of it for too long", async () => {
    await using manifest = await storedManifest(archive);
    const error = await failureOf(
      openSevenZip(manifest, { ...DEFAULT_LIMITS, unpackIdleMs: 1 }, AbortSignal.timeout(30_000)),
    );
    expect(error).toMatchObject({ reason: "ArchiveUnreadable" });
    expect(error.message).toContain("nothing came out");
  });
});

it("leaves no thread behind", async () => {
  const threads = () => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
  const before = threads();
  await recordsOf(archive);
  await failure(archive.subarray(0, 1000));
  await failure(await manifest7z("a,b\n", "D001.csv"));
  while (threads() > before) await delay(5);
  expect(threads()).toBeLessThanOrEqual(before);
});
