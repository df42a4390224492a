import { asset } from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { freshJwks } from "../dry-run/keys.ts";
import { dryRun, type RecordedResource } from "../dry-run/record.ts";
import type { Props } from "./rule.ts";
import { RULES } from "./rules.ts";

const TAGS = { "managed-by": "certferry", "certferry-stack": "certferry/dry-run" };

let resources: readonly RecordedResource[];

beforeAll(async () => {
  const run = await dryRun(async () => {
    const { AwsProductCloud } = await import("../aws/product-cloud.ts");
    const { AzureProductCloud } = await import("../azure/product-cloud.ts");
    const jwks = freshJwks();
    const aws = new AwsProductCloud("factory", {
      jwks,
      tags: TAGS,
      tracing: true,
      shadowAndJobs: true,
      code: new asset.AssetArchive({ "index.mjs": new asset.StringAsset("-") }),
    });
    const azure = new AzureProductCloud("factory", {
      jwks,
      tags: TAGS,
      twins: true,
      package: { content: new Uint8Array(), hash: "-" },
    });
    return { one: aws.interopUrl, other: azure.interopUrl };
  });
  resources = run.resources.filter(({ custom }) => custom);
});

/** What each rule says of a resource, by the rule's name; rules that say nothing are left out. */
function faults(type: string, props: Props): Record<string, readonly string[]> {
  return Object.fromEntries(
    RULES.map(({ name, check }) => [name, [...check(type, props)]] as const).filter(
      ([, said]) => said.length > 0,
    ),
  );
}

/** A resource of our stacks with something about it changed. */
function spoilt(
  type: string,
  change: (inputs: Record<string, unknown>) => Props,
  name?: string,
): Record<string, readonly string[]> {
  const found = resources.find((each) => each.type === type && (name === undefined || each.name === name));
  if (found === undefined) throw new Error(`our stacks have no ${type}`);
  return faults(type, change({ ...found.inputs }));
}

function policy(...statements: Record<string, unknown>[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

const allow = (action: unknown, resource: unknown): Record<string, unknown> => ({
  Effect: "Allow",
  Action: action,
  Resource: resource,
});

describe("the policy pack", () => {
  it("has nothing against our stacks", () => {
    expect(resources.length).toBeGreaterThan(35);
    const said = resources.map(({ type, name, inputs }) => ({ type, name, faults: faults(type, inputs) }));
    expect(said.filter(({ faults }) => Object.keys(faults).length > 0)).toEqual([]);
  });

  const ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy";
  const IOT_POLICY = "aws:iot/policy:Policy";
  const CERT = "arn:aws:iot:eu-west-1:123456789012:cert/*";

  it.each([
    ["iot:*", allow("iot:*", CERT)],
    ["*", allow(["iot:DescribeThing", "*"], CERT)],
    ["iot:Describe?hing", allow("iot:Describe?hing", CERT)],
    ["NotAction", { Effect: "Allow", NotAction: "iam:*", Resource: CERT }],
    ["NotResource", { Effect: "Allow", Action: "iot:DescribeThing", NotResource: CERT }],
  ])("refuses a role that is allowed %s", (what, statement) => {
    const { "no-wildcard-actions": said } = faults(ROLE_POLICY, { policy: policy(statement) });
    expect(said?.join()).toContain(what);
  });

  it.each(["aws:iam/policy:Policy", "aws:iam/userPolicy:UserPolicy", "aws:iam/groupPolicy:GroupPolicy"])(
    "looks into %s too, and takes denials for what they are",
    (type) => {
      const props = { policy: policy(allow("iot:*", CERT)), tags: TAGS };
      expect(Object.keys(faults(type, props))).toEqual(["no-wildcard-actions"]);
      const denied = policy({ Effect: "Deny", Action: "*", Resource: "*" });
      expect(faults(type, { policy: denied, tags: TAGS })).toEqual({});
    },
  );

  it("looks into what is written into a role, and into policies of AWS's own", () => {
    const inline = { inlinePolicies: [{ policy: policy(allow("s3:*", CERT)) }] };
    const said = spoilt("aws:iam/role:Role", (inputs) => ({ ...inputs, ...inline }));
    expect(Object.keys(said)).toEqual(["no-wildcard-actions"]);
    const attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment";
    const administrator = { policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" };
    expect(Object.keys(faults(attachment, administrator))).toEqual(["no-wildcard-actions"]);
  });

  it.each(["no policy", "{}", '{"Statement":["Allow"]}'])(
    "refuses a policy that cannot be read: %s",
    (text) => {
      expect(faults(ROLE_POLICY, { policy: text })["no-wildcard-actions"]?.join()).toContain("give JSON");
    },
  );

  it.each([
    "*",
    "arn:aws:iot:*:123456789012:thing/x",
    "arn:aws:iot:eu-west-1:*:cert/*",
    "arn:aws:*:eu-west-1:123456789012:thing/x",
    "arn:aws:iot:eu-west-1:123456789012:*",
  ])("refuses rights on %s, but for actions that support nothing else", (resource) => {
    const said = faults(ROLE_POLICY, { policy: policy(allow("iot:DeleteThing", resource)) });
    expect(Object.keys(said)).toEqual(["no-wildcard-resources"]);
    const excused = allow(["iot:RegisterCertificateWithoutCA", "xray:PutTraceSegments"], "*");
    expect(faults(ROLE_POLICY, { policy: policy(excused) })).toEqual({});
    const mixed = allow(["iot:RegisterCertificateWithoutCA", "iot:DeleteThing"], "*");
    expect(faults(ROLE_POLICY, { policy: policy(mixed) })["no-wildcard-resources"]?.[0]).toContain(
      "allows iot:DeleteThing on *",
    );
  });

  it.each(["topic/*", "topicfilter/iqs/*", "topic/iqs/*/up"])(
    "refuses devices the topics of others: %s",
    (topic) => {
      const resource = `arn:aws:iot:eu-west-1:123456789012:${topic}`;
      const said = faults(IOT_POLICY, { policy: policy(allow("iot:Publish", resource)), tags: TAGS });
      expect(Object.keys(said)).toEqual(["no-wildcard-resources"]);
    },
  );

  it("refuses devices to connect as another, or as nothing at all", () => {
    const client = "arn:aws:iot:eu-west-1:123456789012:client/${iot:Connection.Thing.ThingName}";
    const attached = { Bool: { "iot:Connection.Thing.IsAttached": ["true"] } };
    const connect = allow("iot:Connect", client);
    const good = policy({ ...connect, Condition: attached });
    expect(faults(IOT_POLICY, { policy: good, tags: TAGS })).toEqual({});
    const bad = [
      policy(connect),
      policy({ ...connect, Condition: { Bool: { "iot:Connection.Thing.IsAttached": "false" } } }),
      policy({ ...allow("iot:Connect", client.replace(/client.*/, "client/some")), Condition: attached }),
    ];
    for (const text of bad) {
      expect(Object.keys(faults(IOT_POLICY, { policy: text, tags: TAGS }))).toEqual([
        "devices-act-for-themselves",
      ]);
    }
  });

  const without = (property: string) => (inputs: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== property));
  const within = (outer: string, change: Record<string, unknown>) => (inputs: Record<string, unknown>) => ({
    ...inputs,
    [outer]: { ...(inputs[outer] as object), ...change },
  });
  const also = (change: Record<string, unknown>) => (inputs: Record<string, unknown>) => ({
    ...inputs,
    ...change,
  });

  it.each([
    ["tls-1-2", "aws:apigateway/restApi:RestApi", without("securityPolicy")],
    ["tls-1-2", "aws:apigateway/restApi:RestApi", also({ securityPolicy: "TLS_1_0" })],
    ["tls-1-2", "azure-native:storage:StorageAccount", also({ minimumTlsVersion: "TLS1_1" })],
    ["tls-1-2", "azure-native:storage:StorageAccount", also({ enableHttpsTrafficOnly: false })],
    ["tls-1-2", "azure-native:web:WebApp", also({ httpsOnly: false })],
    ["tls-1-2", "azure-native:web:WebApp", within("siteConfig", { minTlsVersion: "1.0" })],
    ["tls-1-2", "azure-native:web:WebApp", within("siteConfig", { scmMinTlsVersion: undefined })],
    ["tls-1-2", "azure-native:iothub:IotHubResource", within("properties", { minTlsVersion: undefined })],
    ["encryption-at-rest", "azure-native:storage:StorageAccount", without("encryption")],
    [
      "encryption-at-rest",
      "azure-native:storage:StorageAccount",
      within("encryption", { requireInfrastructureEncryption: false }),
    ],
    [
      "encryption-at-rest",
      "aws:apigateway/methodSettings:MethodSettings",
      within("settings", { cachingEnabled: true, cacheDataEncrypted: false }),
    ],
    ["log-retention", "aws:cloudwatch/logGroup:LogGroup", without("retentionInDays")],
    ["log-retention", "aws:cloudwatch/logGroup:LogGroup", also({ retentionInDays: 0 })],
    ["log-retention", "aws:lambda/function:Function", without("loggingConfig")],
    ["log-retention", "azure-native:operationalinsights:Workspace", without("retentionInDays")],
    ["log-retention", "azure-native:applicationinsights:Component", without("retentionInDays")],
    ["no-shared-keys", "azure-native:storage:StorageAccount", also({ allowSharedKeyAccess: true })],
    ["no-shared-keys", "azure-native:storage:StorageAccount", without("allowSharedKeyAccess")],
    ["no-shared-keys", "azure-native:storage:StorageAccount", also({ allowBlobPublicAccess: true })],
    ["no-shared-keys", "azure-native:storage:BlobContainer", also({ publicAccess: "Blob" })],
    [
      "no-shared-keys",
      "azure-native:iothub:IotHubResource",
      within("properties", { disableDeviceSAS: false }),
    ],
    [
      "no-shared-keys",
      "azure-native:web:WebApp",
      within("siteConfig", { appSettings: [{ name: "HUB", value: "HostName=h;SharedAccessKey=k" }] }),
    ],
    ["no-shared-keys", "azure-native:web:WebApp", within("siteConfig", { connectionStrings: [] })],
    ["tags", "aws:iot/policy:Policy", without("tags")],
    ["tags", "aws:lambda/function:Function", also({ tags: { "managed-by": "certferry" } })],
    ["tags", "azure-native:resources:ResourceGroup", also({ tags: {} })],
  ])("%s: refuses %s made wrong (%#)", (rule, type, change) => {
    expect(Object.keys(spoilt(type, change))).toEqual([rule]);
  });

  it.each([
    ["aws:dynamodb/table:Table", { serverSideEncryption: { enabled: true } }],
    ["aws:ebs/volume:Volume", { encrypted: true }],
    ["aws:efs/fileSystem:FileSystem", { encrypted: true }],
    ["aws:kinesis/stream:Stream", { encryptionType: "KMS" }],
    ["aws:rds/instance:Instance", { storageEncrypted: true }],
    ["aws:sns/topic:Topic", { kmsMasterKeyId: "alias/aws/sns" }],
    ["aws:sqs/queue:Queue", { sqsManagedSseEnabled: true }],
  ])("wants encryption of what may be added later: %s", (type, encrypted) => {
    expect(Object.keys(faults(type, { tags: TAGS }))).toEqual(["encryption-at-rest"]);
    expect(faults(type, { tags: TAGS, ...encrypted })).toEqual({});
  });

  it("has a rule to say something of each kind of fault, and a name for each", () => {
    expect(RULES.map(({ name }) => name)).toEqual([...new Set(RULES.map(({ name }) => name))]);
    for (const { description } of RULES) expect(description).toMatch(/^[A-Z].*\.$/);
  });
});
