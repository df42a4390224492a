import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { layCommandLine } from "./bundle/build.ts";
import { certferry } from "./testing/command-line.ts";
import { VERSION } from "./version.ts";

let main: string;

beforeAll(async () => {
  main = await layCommandLine(await mkdtemp(join(tmpdir(), "certferry-usage-")));
});

afterAll(async () => {
  await rm(dirname(main), { recursive: true, force: true });
});

describe("the command line as it is installed", () => {
  it("says on an older Node which one it needs, and no more", async () => {
    const old = `Object.defineProperty(process, "version", { value: "v20.20.2" });
      Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(old)}` };
    const { code, stdout, stderr } = await certferry(["version"], { main, env });
    expect(stderr).toBe(`error: certferry needs Node 24 or newer; this is v20.20.2 (${process.execPath})\n`);
    expect([code, stdout]).toEqual([1, ""]);
    // Nothing in it that an older one would not understand.
    expect(await readFile(main, "utf8")).not.toMatch(/^import |await|=>|`/mu);
  });

  it.each([["version"], ["--version"]])("tells its version: %s", async (word) => {
    expect(await certferry([word], { main })).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
  });

  it.each([
    ["bind", "certferry bind --help"],
    ["reel qr", "certferry reel qr --help"],
    ["bnd D001", "certferry --help"],
  ])("points to the help of what was called: %s", async (args, help) => {
    const { code, stderr } = await certferry(args.split(" "), { main });
    expect(code).toBe(2);
    expect(stderr).toContain(`(${help} says how)`);
  });

  it.each(["show", "rotate", "init"])("describes keys %s", async (command) => {
    const { stdout } = await certferry(["keys", command, "--help"], { main });
    expect(stdout).toMatch(/^Usage: .*\n\n[A-Z][^:]+ key/);
  });

  it("says where it has laid a CA, and how to go on with it", async () => {
    const cwd = dirname(main);
    const mint = (more: string) =>
      certferry(["reel", "mint", "--count", "1", ...more.split(" ")], { main, cwd });
    const first = await mint("--batch M1");
    expect(first.stderr).toMatch(/^ca\.pem and ca\.key\.pem: .*private key.* --ca \.$/m);
    const second = await mint("--batch M2");
    expect(second.code).toBe(5);
    expect(second.stderr).toMatch(
      /^error: ca\.pem is there already, and nothing is written over\n {2}For more reels of that CA: --ca \./,
    );
    expect((await mint("--batch M2 --ca .")).code).toBe(0);
    expect((await mint("--batch M2 --ca .")).stderr).toMatch(/^error: M2\.csv is there already/);
  });

  it("says what it has written", async () => {
    const out = join(dirname(main), "D001.svg");
    const { stdout, stderr } = await certferry(["reel", "qr", "D001", "--out", out], { main });
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^\S+D001\.svg written: https:\/\/\S+groupId=D001\n$/);
  });
});
