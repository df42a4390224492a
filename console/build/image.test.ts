import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findHadolint } from "../../tools/hadolint/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { layConsoleImage } from "./image.ts";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "../..");
const hadolintMissing = await missingPart(findHadolint());
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-console-image-"));
  await layConsoleImage(folder);
});

afterAll(async () => await rm(folder, { recursive: true, force: true }));

describe("the folder of the console's image", () => {
  it("is all that it takes: the console runs where nothing else is, and its pages are there", async () => {
    const { stdout } = await run(process.execPath, ["main.js", "--help"], {
      cwd: folder,
      env: {},
      timeout: 30_000,
    });
    expect(stdout).toContain("Usage: console");
    expect(await readdir(folder)).toEqual(
      expect.arrayContaining(["pages", "pack-worker.js", "unpack-worker.js", "7zz.wasm"]),
    );
    expect(await readdir(join(folder, "pages"))).toEqual(
      expect.arrayContaining(["index.html", "phone.html", "sw.js", "assets"]),
    );
  });

  it("tells nothing of the machine that it was made on", async () => {
    for (const name of ["main.js", "main.js.map", "pages/index.html"]) {
      expect((await readFile(join(folder, name), "utf8")).includes(ROOT), name).toBe(false);
    }
  });
});

it.skipIf(hadolintMissing !== undefined)(
  `its Dockerfile passes hadolint${hadolintMissing ?? ""}`,
  async () => {
    const { stdout } = await run(await findHadolint(), [join(ROOT, "console/Dockerfile")], {
      timeout: 60_000,
    });
    expect(stdout).toBe("");
  },
);
