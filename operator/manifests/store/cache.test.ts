import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManifestError } from "../errors.ts";
import type { StoredManifest } from "../records.ts";
import { temporaryFolder } from "../testing.ts";
import { FileCache } from "./cache.ts";

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const MAX_BYTES = 1000;

function content(index: number): { bytes: Buffer; sha256: string } {
  const bytes = Buffer.alloc(100 + index * 30, `${index}`);
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Takes a file in, as a download does: some bytes at a time. */
async function takeIn(cache: FileCache, index: number): Promise<StoredManifest> {
  const { bytes, sha256 } = content(index);
  const path = cache.newPartial();
  let reserved = 0;
  try {
    for (let at = 0; at < bytes.length; at += 60) {
      const piece = bytes.subarray(at, at + 60);
      reserved += piece.length;
      await cache.reserve(piece.length);
      await writeFile(path, piece, { flag: "a" });
    }
    return await cache.keep(path, sha256, bytes.length);
  } catch (error) {
    await cache.discardPartial(path, reserved);
    throw error;
  }
}

describe("FileCache, while many take in, hold, let go and discard at once", () => {
  it("keeps whole what is held, stays within its bound, and loses count of nothing", async () => {
    const step = fc.record({
      index: fc.nat(9),
      how: fc.constantFrom("take", "take", "hold", "hold", "discard"),
      heldMs: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 12 }), { minLength: 2, maxLength: 6 }),
        async (workers) => {
          await using folder = await temporaryFolder();
          const cache = new FileCache({ dir: folder.path, maxBytes: MAX_BYTES, clock: Date });
          await cache.open();
          /** Whoever discards a file takes it from all who hold it: those are not looked at. */
          const discarded = new Set<number>();
          for (const worker of workers)
            for (const { how, index } of worker) if (how === "discard") discarded.add(index);
          const work = async (steps: (typeof workers)[number]): Promise<void> => {
            for (const { index, how, heldMs } of steps) {
              const { bytes, sha256 } = content(index);
              const held = await (how === "take" ? takeIn(cache, index) : cache.hold(sha256, soon())).catch(
                (error: unknown) => {
                  if (error instanceof ManifestError && error.reason === "CacheFull") return undefined;
                  throw error;
                },
              );
              if (held === undefined) continue;
              if (how === "discard") await held.discard?.();
              else await new Promise((resolve) => setTimeout(resolve, heldMs));
              const whole = discarded.has(index) || (await readFile(held.path)).equals(bytes);
              expect(whole).toBe(true);
              await held.release();
            }
          };
          await Promise.all(workers.map(work));
          const names = await readdir(folder.path);
          const sizes = await Promise.all(
            names.map(async (name) => (await stat(join(folder.path, name))).size),
          );
          expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MAX_BYTES);
          // What is there is what its name says, and is found; all of the room can be had.
          for (const name of names) {
            const held = await cache.hold(name, soon());
            expect(held?.sha256).toBe(name);
            await held?.release();
          }
          const fresh = new FileCache({ dir: folder.path, maxBytes: MAX_BYTES, clock: Date });
          await fresh.open();
          for (const name of names) {
            const held = await fresh.hold(name, soon());
            expect(held?.sha256).toBe(name);
            await held?.release();
          }
          await cache.reserve(MAX_BYTES);
          await expect(readdir(folder.path)).resolves.toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });
});
