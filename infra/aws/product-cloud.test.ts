import { asset, type Output } from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { freshJwks } from "../dry-run/keys.ts";
import { type DryRun, dryRun, type RecordedResource } from "../dry-run/record.ts";
import { LONGEST_POLICY } from "./device-policy.ts";
import type { AwsProductCloudArgs } from "./product-cloud.ts";

const code = new asset.AssetArchive({ "index.mjs": new asset.StringAsset("export const handler = 1;") });
const jwks = freshJwks(2);
const TAGS = { "managed-by": "certferry", "certferry-stack": "certferry/dry-run", owner: "platform" };

async function cloudWith(args: Partial<AwsProductCloudArgs> = {}): Promise<DryRun> {
  return await dryRun(async () => {
    const { AwsProductCloud } = await import("./product-cloud.ts");
    const cloud = new AwsProductCloud("factory", { jwks, code, tags: TAGS, ...args });
    const { accountId, gatewayId, region, stage, interopUrl, devicePolicyName, thingTypeName } = cloud;
    return { accountId, gatewayId, region, stage, interopUrl, devicePolicyName, thingTypeName };
  });
}

interface Statement {
  Sid?: string;
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
  Condition?: unknown;
}

function statements(policy: unknown): Statement[] {
  return (JSON.parse(String(policy)) as { Statement: Statement[] }).Statement;
}

describe("a product cloud in AWS", () => {
  let run: DryRun;
  const all = (type: string): RecordedResource[] =>
    run.resources.filter((resource) => resource.type.endsWith(`:${type}`));
  const one = (type: string, name?: string): RecordedResource => {
    const [found, ...more] = all(type).filter((resource) => name === undefined || resource.name === name);
    if (found === undefined || more.length > 0)
      throw new Error(`${more.length + 1} of ${type} ${name ?? ""}`);
    return found;
  };

  beforeAll(async () => {
    run = await cloudWith();
  });

  it("tells the fields of its CloudApi", () => {
    expect(run.outputs).toEqual({
      accountId: "123456789012",
      gatewayId: "a1b2c3d4e5",
      region: "eu-west-1",
      stage: "Prod",
      interopUrl: "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/Prod/interop",
      devicePolicyName: "factory-device",
      thingTypeName: "factory-device",
    });
  });

  it("is one component, and the parent of all that it makes", () => {
    const component = one("ProductCloud");
    expect(component).toMatchObject({ type: "certferry:aws:ProductCloud", custom: false });
    const others = run.resources.filter(({ urn }) => urn !== component.urn);
    expect(others.length).toBeGreaterThan(20);
    expect(new Set(others.map(({ parent }) => parent))).toEqual(new Set([component.urn]));
  });

  it("protects what devices hold on to, and nothing else", async () => {
    const kept = (of: DryRun): string[] =>
      of.resources
        .filter(({ protect }) => protect)
        .map(({ type }) => type)
        .sort();
    expect(kept(run)).toEqual(["aws:iot/policy:Policy", "aws:iot/thingType:ThingType"]);
    expect(kept(await cloudWith({ protect: false }))).toEqual([]);
  });

  it("tags all that takes tags", () => {
    const tagged = run.resources.filter(({ inputs }) => "tags" in inputs);
    expect(tagged.length).toBeGreaterThanOrEqual(9);
    for (const { inputs } of tagged) expect(inputs["tags"]).toEqual(TAGS);
  });

  it("runs the callee on Node 24 and arm64, with its log made before it, and no longer than the gateway waits", () => {
    const callee = one("Function");
    expect(callee.inputs).toMatchObject({
      runtime: "nodejs24.x",
      architectures: ["arm64"],
      handler: "index.handler",
      timeout: 29,
      memorySize: 512,
      reservedConcurrentExecutions: 10,
      loggingConfig: { logGroup: "/aws/lambda/factory-interop" },
      tracingConfig: { mode: "PassThrough" },
    });
    expect(callee.inputs["name"]).toBe("factory-interop");
    const log = one("LogGroup", "factory-function");
    expect(log.inputs).toMatchObject({ name: "/aws/lambda/factory-interop", retentionInDays: 30 });
    expect(callee.dependencies).toContain(log.urn);
    expect(callee.dependencies).toContain(one("RolePolicy").urn);
  });

  it("tells the callee whom to trust, and what to call things", () => {
    const { variables } = one("Function").inputs["environment"] as { variables: Record<string, string> };
    expect(variables).toMatchObject({
      AUDIENCE: "123456789012",
      THING_NAME_TEMPLATE: "Infineon_<serial>",
      THING_TYPE: "factory-device",
      THING_GROUP_PREFIX: "factory-",
      IOT_POLICY: "factory-device",
      DEFAULT_TOPIC: "iqs",
      DEVICES_PER_SECOND: "10",
    });
    const trusted = JSON.parse(variables["JWKS"] ?? "") as { keys: Record<string, string>[] };
    const given = JSON.parse(jwks) as { keys: Record<string, string>[] };
    expect(trusted.keys.map(({ x }) => x)).toEqual(given.keys.map(({ x }) => x));
  });

  it("tells the callee nothing that the callee does not take", async () => {
    const { readLambdaEnvironment } = await import("../../interop/hosts/aws-lambda-environment.ts");
    const { variables } = one("Function").inputs["environment"] as { variables: Record<string, string> };
    expect(readLambdaEnvironment(variables)).toMatchObject({
      audience: "123456789012",
      policy: "factory-device",
      thingGroupPrefix: "factory-",
    });
  });

  it("answers three routes and no others, by a regional API with an access log and a throttle", () => {
    const paths = new Map(
      all("Resource").map(({ name, inputs }) => [`${name}-id`, String(inputs["pathPart"])]),
    );
    const routes = all("Integration").map(
      ({ inputs }) => `${String(inputs["httpMethod"])} /${paths.get(String(inputs["resourceId"])) ?? ""}`,
    );
    expect(routes.sort()).toEqual(["GET /", "GET /auth", "POST /interop"]);
    for (const { inputs } of all("Integration")) {
      expect(inputs).toMatchObject({
        type: "AWS_PROXY",
        integrationHttpMethod: "POST",
        timeoutMilliseconds: 29_000,
      });
      expect(inputs["uri"]).toContain("function:factory-interop/invocations");
    }
    expect(one("RestApi").inputs).toMatchObject({
      endpointConfiguration: { types: "REGIONAL" },
      securityPolicy: "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
    });
    const access = one("Stage").inputs["accessLogSettings"] as { destinationArn: string; format: string };
    expect(access.destinationArn).toContain("log-group:/aws/apigateway/factory");
    expect(access.format).not.toMatch(/authorizer|header|body/i);
    expect(one("MethodSettings").inputs).toMatchObject({
      methodPath: "*/*",
      settings: {
        throttlingRateLimit: 20,
        throttlingBurstLimit: 40,
        dataTraceEnabled: false,
        loggingLevel: "OFF",
      },
    });
    expect(one("Permission").inputs).toMatchObject({
      principal: "apigateway.amazonaws.com",
      sourceArn: "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/*",
    });
    const deployed = one("Deployment");
    for (const { urn } of all("Integration")) expect(deployed.dependencies).toContain(urn);
  });

  it("keeps API Gateway's log role of the account when it goes, or leaves it alone", async () => {
    const lasting = run.resources.filter(({ retainOnDelete }) => retainOnDelete).map(({ name }) => name);
    expect(lasting).toEqual(["factory-gateway-log", "factory-gateway-log", "factory-gateway-log"]);
    expect(one("Stage").dependencies).toContain(one("Account").urn);
    const other = await cloudWith({ gatewayLogRole: "existing" });
    expect(other.resources.filter(({ name }) => name === "factory-gateway-log")).toEqual([]);
  });

  it("lets the function do what the registry calls, where it calls it", () => {
    const rights = statements(one("RolePolicy").inputs["policy"]);
    const iot = "arn:aws:iot:eu-west-1:123456789012";
    const allowedOn = (action: string): string[] =>
      rights.filter(({ Action }) => Action.includes(action)).flatMap(({ Resource }) => Resource);
    expect(allowedOn("iot:RegisterCertificateWithoutCA")).toEqual(["*"]);
    expect(allowedOn("iot:DeleteCertificate")).toEqual([`${iot}:cert/*`]);
    expect(allowedOn("iot:CreateThing")).toEqual([`${iot}:thing/Infineon_*`]);
    expect(allowedOn("iot:AddThingToThingGroup")).toEqual([
      `${iot}:thing/Infineon_*`,
      `${iot}:thinggroup/factory-*`,
    ]);
    expect(allowedOn("iot:GetPolicy")).toEqual([`${iot}:policy/factory-device`]);
    expect(allowedOn("logs:PutLogEvents")).toEqual([
      "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/factory-interop:log-stream:*",
    ]);
    expect(allowedOn("logs:CreateLogGroup")).toEqual([]);
    expect(allowedOn("xray:PutTraceSegments")).toEqual([]);
  });

  it("lets a device connect as its own thing, and use its own topics", () => {
    const text = String(one("Policy").inputs["policy"]);
    expect(text.length).toBeLessThanOrEqual(LONGEST_POLICY);
    const own = "${iot:Connection.Thing.ThingName}";
    const iot = "arn:aws:iot:eu-west-1:123456789012";
    const [connect, publish, receive, subscribe] = statements(text);
    expect(connect).toEqual({
      Effect: "Allow",
      Action: "iot:Connect",
      Resource: `${iot}:client/${own}`,
      Condition: { Bool: { "iot:Connection.Thing.IsAttached": "true" } },
    });
    expect(publish?.Resource).toEqual([
      `${iot}:topic/iqs`,
      `${iot}:topic/iqs/${own}`,
      `${iot}:topic/iqs/${own}/*`,
    ]);
    expect(receive?.Resource).toEqual([`${iot}:topic/iqs/${own}`, `${iot}:topic/iqs/${own}/*`]);
    expect(subscribe?.Resource).toEqual([`${iot}:topicfilter/iqs/${own}`, `${iot}:topicfilter/iqs/${own}/*`]);
  });

  it("allows less or more where it is told to", async () => {
    const narrow = await cloudWith({
      publishToDefaultTopic: false,
      shadowAndJobs: true,
      defaultTopic: "a/b/c/d",
    });
    const policy = String(
      narrow.resources.find(({ type }) => type === "aws:iot/policy:Policy")?.inputs["policy"],
    );
    expect(policy.length).toBeLessThanOrEqual(LONGEST_POLICY);
    const topics = statements(policy)[1]?.Resource ?? [];
    expect(topics).not.toContain("arn:aws:iot:eu-west-1:123456789012:topic/a/b/c/d");
    expect(topics).toContain(
      "arn:aws:iot:eu-west-1:123456789012:topic/$aws/things/${iot:Connection.Thing.ThingName}/shadow/*",
    );
  });

  it("takes what it is told", async () => {
    run = await cloudWith({
      stage: "beta",
      region: "us-east-1",
      thingNameTemplate: "<fingerprint>",
      thingGroupPrefix: "reel:",
      devicesPerSecond: 50,
      reservedConcurrency: -1,
      memoryMiB: 1024,
      throttle: { rate: 5, burst: 6 },
      logRetentionDays: 90,
      tracing: true,
    });
    expect(run.outputs).toMatchObject({ stage: "beta", region: "us-east-1" });
    const callee = one("Function").inputs;
    expect(callee).toMatchObject({ memorySize: 1024, tracingConfig: { mode: "Active" } });
    expect(callee).not.toHaveProperty("reservedConcurrentExecutions");
    expect(all("LogGroup").map(({ inputs }) => inputs["retentionInDays"])).toEqual([90, 90]);
    expect(one("Stage").inputs).toMatchObject({ xrayTracingEnabled: true });
    expect(one("MethodSettings").inputs).toMatchObject({
      settings: { throttlingRateLimit: 5, throttlingBurstLimit: 6 },
    });
    const rights = statements(one("RolePolicy").inputs["policy"]);
    expect(rights.find(({ Sid }) => Sid === "IotThings")?.Resource).toEqual([
      "arn:aws:iot:us-east-1:123456789012:thing/*",
    ]);
    expect(rights.find(({ Sid }) => Sid === "Traces")?.Resource).toBe("*");
    const elsewhere = run.resources.filter(
      ({ custom, type, inputs }) =>
        custom && !type.startsWith("aws:iam/") && inputs["region"] !== "us-east-1",
    );
    expect(elsewhere).toEqual([]);
  });

  it("uses the provider that it is given", async () => {
    run = await dryRun(async () => {
      const { Provider } = await import("@pulumi/aws/provider.js");
      const { AwsProductCloud } = await import("./product-cloud.ts");
      const provider = new Provider("elsewhere", { region: "us-east-1" });
      return { id: new AwsProductCloud("factory", { jwks, code, tags: TAGS }, { provider }).gatewayId };
    });
    const made = run.resources.filter(({ custom, type }) => custom && type.startsWith("aws:"));
    expect(made.length).toBeGreaterThan(20);
    for (const { provider } of made) expect(provider).toMatch(/pulumi:providers:aws::elsewhere::/);
  });

  it("can be renamed without making anything anew", async () => {
    const names = ({ resources }: DryRun): string[] =>
      resources.flatMap(({ inputs }) => (typeof inputs["name"] === "string" ? [inputs["name"]] : [])).sort();
    const before = names(await cloudWith());
    run = await dryRun(async () => {
      const { AwsProductCloud } = await import("./product-cloud.ts");
      const cloud = new AwsProductCloud(
        "plant",
        { jwks, code, tags: TAGS, resourceName: "factory" },
        { aliases: [{ name: "factory" }] },
      );
      return { id: cloud.gatewayId satisfies Output<string> };
    });
    // The engine finds the children by this alias, because their names begin with the component's.
    expect(one("ProductCloud").aliases).toEqual(["factory"]);
    const others = run.resources.filter(({ type }) => type !== "certferry:aws:ProductCloud");
    expect(others.filter(({ name }) => !name.startsWith("plant"))).toEqual([]);
    expect(names(run)).toEqual(before);
  });

  it("refuses a private key among those it should trust, before anything is made", async () => {
    const secret = JSON.stringify({ keys: [{ kty: "EC", crv: "P-256", x: "x", y: "y", d: "secret-part" }] });
    const { AwsProductCloud } = await import("./product-cloud.ts");
    const make = (): unknown => new AwsProductCloud("factory", { jwks: secret, code });
    expect(make).toThrow(/PRIVATE key/);
    expect(make).not.toThrow(/secret-part/);
  });
});
