import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { freshJwks } from "../dry-run/keys.ts";
import { type DryRun, dryRun } from "../dry-run/record.ts";
import { RULES } from "../policies/rules.ts";

// The callee of the examples is the real one; here nothing is uploaded, so that a small one does.
vi.mock("../bundle/archives.ts", async () => {
  const { asset } = await import("@pulumi/pulumi");
  return {
    lambdaArchive: () => new asset.AssetArchive({ "index.mjs": new asset.StringAsset("-") }),
    functionAppPackage: () => ({ content: new Uint8Array(), hash: "-" }),
  };
});

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-example-"));
  await writeFile(join(folder, "account.jwks"), freshJwks());
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function example(name: string, config: Record<string, string> = {}): Promise<DryRun> {
  const project = parse(await readFile(join(import.meta.dirname, name, "Pulumi.yaml"), "utf8")) as {
    main: string;
  };
  const file = join(import.meta.dirname, name, project.main);
  return await dryRun(
    async () => {
      const { default: main } = (await import(file)) as { default: () => Promise<unknown> };
      return await main();
    },
    { "certferry:jwksFile": join(folder, "account.jwks"), ...config },
  );
}

function faults({ resources }: DryRun): string[] {
  return resources.flatMap(({ type, inputs }) =>
    RULES.flatMap(({ check }) => Array.from(check(type, inputs))),
  );
}

describe("the examples", () => {
  it("make a product cloud in AWS, in another region than the rest of the program", async () => {
    const run = await example("aws");
    expect(run.outputs).toMatchObject({ AccountId: "123456789012", GatewayId: "a1b2c3d4e5", Stage: "Prod" });
    const made = run.resources.filter(({ type }) => type.startsWith("aws:"));
    expect(made.length).toBeGreaterThan(20);
    for (const { provider } of made) expect(provider).toContain("::frankfurt::");
    expect(faults(run)).toEqual([]);
  });

  it("make a product cloud in Azure around a hub that is there", async () => {
    const run = await example("azure", { "certferry:hub": "plant-hub", "certferry:hubResourceGroup": "iot" });
    expect(run.outputs["interopURL"]).toBe("https://meters1a2b3c4d.azurewebsites.net/interop");
    expect(run.resources.filter(({ type }) => type.includes("iothub"))).toEqual([]);
    expect(faults(run)).toEqual([]);
  });
});
