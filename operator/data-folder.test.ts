import { access, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDataFolder } from "./data-folder.ts";

const GONE = 4_194_999;

describe("the folder of an operator that was told none", () => {
  let base: string;

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), "certferry-data-folder-"));
  });

  afterEach(async () => await rm(base, { recursive: true, force: true }));

  /** As an operator with that process id would have left it. */
  async function leftBy(pid: number, host?: string): Promise<string> {
    const folder = await createDataFolder({ base, pid, ...(host === undefined ? {} : { host }) });
    await writeFile(join(folder, "manifest"), "old");
    return folder;
  }

  async function exists(path: string): Promise<boolean> {
    return await access(path).then(
      () => true,
      () => false,
    );
  }

  it("goes with the next operator's start when its own was killed", async () => {
    const old = await leftBy(GONE);
    const folder = await createDataFolder({ base });
    expect(await exists(old)).toBe(false);
    expect(await readdir(folder)).toEqual([]);
  });

  it("goes too when the process id is the new operator's, as in a container", async () => {
    const old = await leftBy(process.pid);
    await createDataFolder({ base });
    expect(await exists(old)).toBe(false);
  });

  it("stays while its operator runs, or may run elsewhere", async () => {
    const running = await leftBy(process.ppid);
    const elsewhere = await leftBy(GONE, "another-host");
    await createDataFolder({ base });
    expect([await exists(running), await exists(elsewhere)]).toEqual([true, true]);
  });

  it("is all that is removed", async () => {
    const treasure = join(base, "treasure");
    await mkdir(treasure);
    const old = await leftBy(GONE);
    const linked = old.replace(/.{6}$/, "linked");
    await symlink(treasure, linked);
    const others = ["certferry-operator-abcdef", `certferry-${GONE}`, `certferry-data-x-${GONE}-a.b`];
    for (const other of others) await mkdir(join(base, other));
    await createDataFolder({ base });
    for (const other of [...others, "treasure"]) expect(await exists(join(base, other))).toBe(true);
    expect(await exists(linked)).toBe(true);
  });
});
