import { access, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { lockBuild } from "./build-lock.ts";

describe("the lock of a build", () => {
  let folder: string;
  let file: string;
  let owners: number[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-build-lock-"));
    file = join(folder, "entry.lock");
    owners = [];
  });

  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  async function lock(deadlineMs: number, staleAfterMs?: number): Promise<() => Promise<void>> {
    return await lockBuild(file, {
      deadlineMs,
      told: (owner) => owners.push(owner),
      ...(staleAfterMs === undefined ? {} : { staleAfterMs }),
    });
  }

  it("is held by one, and gone when it is let go of", async () => {
    const unlock = await lock(1_000);
    expect(await readFile(file, "utf8")).toBe(String(process.pid));
    await expect(lock(1)).rejects.toThrow("for too long");
    expect(owners).toEqual([process.pid]);
    await unlock();
    await expect(access(file)).rejects.toThrow("ENOENT");
  });

  it("that a killed process left is taken over, though a process has its id now", async () => {
    await writeFile(file, String(process.pid));
    const long = new Date(Date.now() - 61_000);
    await utimes(file, long, long);
    await (
      await lock(1_000)
    )();
    expect(owners).toEqual([]);
  });

  it("of a process that is gone is taken over at once", async () => {
    await writeFile(file, "4194999");
    await (
      await lock(1_000)
    )();
    expect(owners).toEqual([]);
  });

  it("does not grow old while it is held", async () => {
    const unlock = await lock(1_000, 400);
    await expect(lock(1_500, 400)).rejects.toThrow("for too long");
    await unlock();
  });
});
