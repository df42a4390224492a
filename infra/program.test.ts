import { asset } from "@pulumi/pulumi";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse, parseDocument } from "yaml";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freshJwks } from "./dry-run/keys.ts";
import { type DryRun, dryRun } from "./dry-run/record.ts";
import { generatedFiles, main } from "./generate.ts";
import { RULES } from "./policies/rules.ts";

vi.mock("./bundle/archives.ts", () => ({
  lambdaArchive: () => new asset.AssetArchive({ "index.mjs": new asset.StringAsset("-") }),
  functionAppPackage: () => ({ content: new Uint8Array(), hash: "-" }),
}));

const ROOT = resolve(import.meta.dirname, "..");
const GOOD = { "certferry:jwks": freshJwks(), "certferry:namespace": "acme" };

async function up(config: Record<string, string>): Promise<DryRun> {
  return await dryRun(async () => {
    const { program } = await import("./index.ts");
    return await program();
  }, config);
}

describe("the program", () => {
  it("makes what the configuration says, in AWS unless told otherwise", async () => {
    const run = await up(GOOD);
    expect(Object.keys(run.outputs).sort()).toEqual([
      "AccountId",
      "GatewayId",
      "Region",
      "Stage",
      "cloudApis",
    ]);
    expect(run.resources.filter(({ type }) => type.startsWith("azure"))).toEqual([]);
    const list = parse(String(run.outputs["cloudApis"])) as { kind: string; items: { spec: unknown }[] };
    expect(list.kind).toBe("List");
    expect(list.items.map(({ spec }) => spec)).toEqual([
      {
        displayName: "AWS IoT Core, eu-west-1",
        type: "AWS",
        aws: { accountId: "123456789012", apiGatewayId: "a1b2c3d4e5", region: "eu-west-1", stage: "Prod" },
        limits: { devicesPerSecond: 10 },
      },
    ]);
  });

  it("makes both clouds of one configuration, all tagged with the stack, and to the liking of the policy pack", async () => {
    const run = await up({
      ...GOOD,
      "certferry:clouds": '["aws","azure"]',
      "certferry:defaultCloud": "aws",
      "certferry:awsEndpoint": "https://gateway.example.com",
      "certferry:tags": '["owner=platform"]',
    });
    expect(run.outputs).toMatchObject({
      AccountId: "123456789012",
      interopURL: "https://certferry1a2b3c4d.azurewebsites.net/interop",
      subscriptionId: "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90",
    });
    const { items } = parse(String(run.outputs["cloudApis"])) as {
      items: { spec: Record<string, unknown> }[];
    };
    expect(items.map(({ spec }) => spec)).toMatchObject([
      { type: "AWS", aws: { endpoint: "https://gateway.example.com" }, default: true },
      { type: "Azure" },
    ]);
    expect(items[1]?.spec).not.toHaveProperty("default");
    const tags = run.resources.flatMap(({ inputs }) =>
      inputs["tags"] === undefined ? [] : [inputs["tags"]],
    );
    expect(tags.length).toBeGreaterThan(15);
    for (const each of tags) {
      expect(each).toEqual({
        "managed-by": "certferry",
        "certferry-stack": "certferry/dry-run",
        owner: "platform",
      });
    }
    const faults = run.resources.flatMap(({ type, inputs }) =>
      RULES.flatMap(({ check }) => Array.from(check(type, inputs))),
    );
    expect(faults).toEqual([]);
  });

  it("passes on what it is told", async () => {
    const run = await up({
      ...GOOD,
      "certferry:clouds": '["aws","azure"]',
      "certferry:name": "plant",
      "certferry:awsStage": "beta",
      "certferry:awsRegion": "us-east-1",
      "certferry:awsGatewayLogRole": "existing",
      "certferry:azureIotHub": "use",
      "certferry:azureIotHubName": "hub",
      "certferry:azureIotHubResourceGroup": "iot",
      "certferry:azureTwins": "true",
      "certferry:protect": "false",
    });
    expect(run.outputs).toMatchObject({ Region: "us-east-1", Stage: "beta" });
    const types = new Set(run.resources.map(({ type }) => type));
    expect(types).not.toContain("aws:apigateway/account:Account");
    expect(types).not.toContain("azure-native:iothub:IotHubResource");
    expect(run.resources.map(({ name }) => name)).toContain("plant-twins");
    expect(run.resources.filter(({ protect }) => protect)).toEqual([]);
    expect(run.resources.filter(({ name }) => !name.startsWith("plant"))).toEqual([]);
  });

  it("is entered as Pulumi.yaml says, and gives Pulumi its outputs", async () => {
    const project = parse(await readFile(join(ROOT, "Pulumi.yaml"), "utf8")) as { main: string };
    const run = await dryRun(async () => {
      const { default: enter } = (await import(join(ROOT, project.main))) as {
        default: () => Promise<unknown>;
      };
      return await enter();
    }, GOOD);
    expect(run.outputs).toMatchObject({ AccountId: "123456789012", Stage: "Prod" });
  });

  it("makes nothing of a faulty configuration, and tells all faults as an error for people", async () => {
    const { default: pulumi } = await import("@pulumi/pulumi");
    const { program } = await import("./index.ts");
    pulumi.runtime.setAllConfig({ "certferry:awsStage": "a b", "certferry:jwsk": "{}" });
    const error: unknown = await program().catch((error: unknown) => error);
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    const text = String(error);
    for (const key of ["awsStage", "jwsk", "jwks", "namespace"]) expect(text).toContain(`- ${key}: `);
    expect(text).toContain("did you mean jwks?");
  });
});

describe("what is generated", () => {
  let folder: string | undefined;

  afterEach(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it("is committed as the sources give it", async () => {
    const said: string[] = [];
    expect({ code: await main(["--check"], (line) => said.push(line)), said }).toEqual({ code: 0, said: [] });
  });

  it("is written where it is missing, and missed where it is not", async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-generate-"));
    const { mkdir } = await import("node:fs/promises");
    await mkdir(join(folder, "docs", "images"), { recursive: true });
    const said: string[] = [];
    const say = (line: string): number => said.push(line);
    expect(await main(["--check", "--root", folder], say)).toBe(1);
    expect(await main(["--root", folder], say)).toBe(0);
    expect(await main(["--check", "--root", folder], say)).toBe(0);
    expect(said).toHaveLength(2);
    for (const [path, content] of await generatedFiles()) {
      expect(await readFile(join(folder, path), "utf8")).toBe(content);
    }
  });

  it("declares each key of the configuration, so that Pulumi and the program read it alike", async () => {
    const project = parse(await readFile(join(ROOT, "Pulumi.yaml"), "utf8")) as {
      config: Record<string, { type: string; default: unknown; description: string }>;
    };
    const { SETTINGS } = await import("./config/settings.ts");
    expect(Object.keys(project.config)).toEqual(Object.keys(SETTINGS));
    const defaults = Object.entries(project.config).map(([key, { default: initial }]) => [
      `certferry:${key}`,
      typeof initial === "string" ? initial : JSON.stringify(initial),
    ]);
    const run = await up({ ...(Object.fromEntries(defaults) as Record<string, string>), ...GOOD });
    expect(run.resources.length).toBe((await up(GOOD)).resources.length);
  });

  it("has an example of a stack that lacks nothing but the account's keys", async () => {
    const example = parseDocument(await readFile(join(ROOT, "Pulumi.example.yaml"), "utf8")).toJS() as {
      config: Record<string, unknown>;
    };
    const config = Object.fromEntries(
      Object.entries(example.config).map(([key, value]) => [
        key,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    );
    const run = await up({ ...config, "certferry:jwks": GOOD["certferry:jwks"] });
    expect(run.outputs).toHaveProperty("cloudApis");
  });

  it("draws every resource once, and the protected ones so that one sees it", async () => {
    const run = await up({ ...GOOD, "certferry:clouds": '["aws","azure"]' });
    const files = await generatedFiles();
    const aws = files.get("docs/images/product-cloud-aws.svg") ?? "";
    const boxes = aws.match(/<rect class="b/g) ?? [];
    expect(boxes).toHaveLength(run.resources.filter(({ type }) => type.startsWith("aws:")).length);
    expect(aws.match(/<rect class="b p"/g)).toHaveLength(2);
    expect(aws).toContain(">ThingType<");
  });
});
