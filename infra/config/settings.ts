import { z } from "zod";
import { choice, flag, list, type Setting, text, whole } from "./kinds.ts";

export const CLOUDS = ["aws", "azure"] as const;
export type CloudName = (typeof CLOUDS)[number];

/** A label of DNS: what a Kubernetes namespace is called, and what makes part of all names here. */
const LABEL = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
/** What a CloudApi takes as `spec.aws.endpoint` (crds/schema/cloud-api.ts). */
const ADDRESS =
  /^(https:\/\/[^\s/?#@]+|http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\]|[A-Za-z0-9.-]+\.svc(\.cluster\.local)?)(:\d+)?)(\/[^\s?#]*)?$/;
const AZURE_NAME = /^[A-Za-z0-9][A-Za-z0-9._()-]{0,88}$/;

/** CloudWatch Logs takes these (PutRetentionPolicy) and Application Insights those; both take what is in both. */
const RETENTION_DAYS = [30, 60, 90, 120, 180, 365] as const;

/**
 * Every key of the configuration. Pulumi.yaml declares the same, which a test holds: the program is also run
 * without that file (by the Automation API, or as a component of another program).
 */
export const SETTINGS = {
  clouds: list("Where product clouds are made: aws, azure, or both.", {
    default: ["aws"],
    schema: z
      .array(z.enum(CLOUDS, { error: "may hold aws and azure" }), {
        error: "must be a list, e.g. [aws, azure]",
      })
      .min(1, "names no cloud: name aws, azure or both")
      .transform((clouds) => CLOUDS.filter((cloud) => clouds.includes(cloud))),
  }),
  name: text(
    "What all resources are called, or begin with. Two stacks in one cloud account need two names.",
    {
      default: "certferry",
      pattern: /^[a-z][a-z0-9-]{0,22}[a-z0-9]$/,
      must: "must be 2 to 24 lower-case letters, digits and hyphens, beginning with a letter",
    },
  ),
  jwks: text(
    "The public keys of the account that may call: the ConfigMap certferry-jwks of its namespace. Must be set.",
    {},
  ),
  namespace: text("The account: the Kubernetes namespace that the CloudApis are for. Must be set.", {
    pattern: new RegExp(`${LABEL.source.slice(0, -1)}$`),
    must: "must be the name of a Kubernetes namespace: lower-case letters, digits and hyphens",
  }),
  defaultCloud: choice(
    "Which cloud is the account's default, where batches go that name none.",
    ["none", ...CLOUDS],
    "none",
  ),
  devicesPerSecond: whole(
    "Devices a second that are taken in at most. 10 is AWS's quota for registering certificates unless raised.",
    { default: 10, min: 1, max: 1000 },
  ),
  defaultTopic: text("The topic that devices are told, and under which each has its own.", {
    default: "iqs",
    pattern: /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+){0,3}$/,
    must: "must be up to four words of letters, digits, underscores and hyphens, with slashes between",
  }),
  logRetentionDays: whole("Days that logs are kept.", {
    default: 30,
    min: 30,
    max: 365,
    among: RETENTION_DAYS,
  }),
  protect: flag(
    "Whether Pulumi refuses to delete what devices depend on. Set it to false, and pulumi up, before pulumi destroy.",
    true,
  ),
  tags: list("Tags of all resources, each as name=value.", {
    default: [],
    schema: z
      .array(z.string().regex(/^[A-Za-z0-9_.:-]{1,100}=[^<>%&\\?]{0,250}$/, "must be name=value"), {
        error: "must be a list of name=value",
      })
      .transform((tags) =>
        Object.fromEntries(
          tags.map((tag) => [tag.slice(0, tag.indexOf("=")), tag.slice(tag.indexOf("=") + 1)]),
        ),
      ),
  }),

  awsRegion: text("The AWS region. Empty: that of the provider (aws:region, AWS_REGION).", {
    pattern: /^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$/,
    must: "must be the name of an AWS region, e.g. eu-west-1",
  }),
  awsStage: text("The stage of the API Gateway, a part of its address.", {
    default: "Prod",
    pattern: /^[A-Za-z0-9_-]{1,128}$/,
    must: "must be letters, digits, hyphens and underscores",
  }),
  awsEndpoint: text(
    "Replaces scheme and host of the address in the CloudApi, for a private API Gateway or an emulator. Empty: AWS's own.",
    {
      pattern: ADDRESS,
      must: "must be an https:// address without a query; http:// is taken for this machine and for Services of the cluster (*.svc) only, because a token goes with every call",
    },
  ),
  awsThingNameTemplate: text(
    "What things are called, made of <serial>, <fingerprint>, <device> and <batch>. Firmware of the field expects the default.",
    { default: "Infineon_<serial>" },
  ),
  awsThingGroupPrefix: text("What the thing group of each batch begins with. Empty: the name and a hyphen.", {
    pattern: /^[A-Za-z0-9:_-]{1,64}$/,
    must: "must be letters, digits, colons, underscores and hyphens",
  }),
  awsPublishToDefaultTopic: flag(
    "Whether devices may publish to the default topic itself, besides their own under it, as firmware of the field does.",
    true,
  ),
  awsShadowAndJobs: flag("Whether devices may use their own shadows and jobs.", false),
  awsReservedConcurrency: whole(
    "Instances of the function at most. -1 reserves none: for an account whose quota leaves none to reserve.",
    { default: 10, min: -1, max: 1000 },
  ),
  awsMemoryMiB: whole("Memory of the function, and with it its share of a processor.", {
    default: 512,
    min: 128,
    max: 10_240,
  }),
  awsThrottleRate: whole("Requests a second that the API takes.", { default: 20, min: 1, max: 10_000 }),
  awsThrottleBurst: whole("Requests at once that the API takes above its rate.", {
    default: 40,
    min: 1,
    max: 5000,
  }),
  awsTracing: flag("Whether AWS X-Ray traces requests.", false),
  awsGatewayLogRole: choice(
    "The role by which API Gateway writes logs, one for all APIs of an account and region: set it, or leave the one that exists.",
    ["set", "existing"],
    "set",
  ),

  azureLocation: text("The Azure region. Empty: that of the provider (azure-native:location).", {
    pattern: /^[a-z0-9]{3,40}$/,
    must: "must be the name of an Azure region, e.g. westeurope",
  }),
  azureIotHub: choice(
    "Whether an IoT Hub is made, or one is used that is there.",
    ["create", "use"],
    "create",
  ),
  azureIotHubName: text("The IoT Hub to use.", {
    pattern: AZURE_NAME,
    must: "must be the name of an IoT Hub",
  }),
  azureIotHubResourceGroup: text("The resource group of the IoT Hub to use.", {
    pattern: AZURE_NAME,
    must: "must be the name of a resource group",
  }),
  azureIotHubSku: choice(
    "The tier of an IoT Hub that is made.",
    ["B1", "B2", "B3", "F1", "S1", "S2", "S3"],
    "S1",
  ),
  azureIotHubUnits: whole("The units of an IoT Hub that is made.", { default: 1, min: 1, max: 200 }),
  azureDeviceNameTemplate: text(
    "What devices are called, made of <serial>, <fingerprint>, <device> and <batch>. Firmware of the field expects the default.",
    { default: "<serial>" },
  ),
  azureTwins: flag(
    "Whether device twins are used too: a batch is noted there, and reading is faster. Takes a standard tier (S1 to S3).",
    false,
  ),
  azureMaximumInstances: whole("Instances of the function at most.", { default: 40, min: 1, max: 1000 }),
  azureMemoryMiB: whole("Memory of an instance: 512, 2048 or 4096.", {
    default: 2048,
    min: 512,
    max: 4096,
    among: [512, 2048, 4096],
  }),
} as const;

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** The configuration, read and checked. */
export type Settings = { readonly [K in keyof typeof SETTINGS]: ValueOf<(typeof SETTINGS)[K]> };
