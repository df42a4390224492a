import {
  CreateStageCommand,
  DeleteStageCommand,
  GetAccountCommand,
  GetStageCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAccountCommand,
  UpdateStageCommand,
} from "@aws-sdk/client-api-gateway";
import type { PatchOperation } from "@aws-sdk/client-api-gateway";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";

import { deadline, unlessMissing } from "../aws.ts";
import type { Aws } from "../aws.ts";
import { resourceType } from "../resource-type.ts";
import { tagChange, tags } from "../tags.ts";

export const MISSING = "NotFoundException";

/** A change of one setting, as API Gateway takes it. */
export function setTo(path: string, value: string | number | boolean): PatchOperation {
  return { op: "replace", path, value: String(value) };
}

/** Gives a resource those tags instead of these. */
export async function retag(
  { apiGateway }: Aws,
  resourceArn: string,
  ...[olds, news]: [Record<string, string> | undefined, Record<string, string> | undefined]
): Promise<void> {
  const change = tagChange(olds, news);
  if (Object.keys(change.set).length > 0)
    await apiGateway.send(new TagResourceCommand({ resourceArn, tags: change.set }), deadline());
  if (change.remove.length > 0)
    await apiGateway.send(new UntagResourceCommand({ resourceArn, tagKeys: change.remove }), deadline());
}

const stageInputs = z.strictObject({
  restApi: z.string(),
  deployment: z.string(),
  stageName: z.string(),
  accessLogSettings: z.strictObject({ destinationArn: z.string(), format: z.string() }).optional(),
  xrayTracingEnabled: z.boolean().optional(),
  region: z.string().optional(),
  tags,
});

export const stage = resourceType({
  token: "aws:apigateway/stage:Stage",
  inputs: stageInputs,
  replacedBy: ["restApi", "stageName", "region"],
  computed: ["arn", "executionArn", "invokeUrl", "tagsAll"],
  async create({ apiGateway }, inputs) {
    const { restApi: restApiId, stageName } = inputs;
    await apiGateway.send(
      new CreateStageCommand({
        restApiId,
        stageName,
        deploymentId: inputs.deployment,
        tracingEnabled: inputs.xrayTracingEnabled,
        tags: inputs.tags,
      }),
      deadline(),
    );
    const patchOperations = accessLog(inputs);
    if (patchOperations.length > 0)
      await apiGateway.send(new UpdateStageCommand({ restApiId, stageName, patchOperations }), deadline());
    return `ags-${restApiId}-${stageName}`;
  },
  async read(aws, _id, { restApi: restApiId, stageName, accessLogSettings }) {
    const get = new GetStageCommand({ restApiId, stageName });
    const found = await unlessMissing(aws.apiGateway.send(get, deadline()), MISSING);
    if (found === undefined) return undefined;
    const { accountId } = await aws.caller();
    const some = Object.keys(found.tags ?? {}).length > 0;
    const { destinationArn = "", format = "" } = found.accessLogSettings ?? {};
    const partition = await aws.partition();
    const domain = partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
    return {
      inputs: {
        deployment: found.deploymentId ?? "",
        tags: some ? found.tags : undefined,
        ...(accessLogSettings && { accessLogSettings: { destinationArn, format } }),
      },
      outputs: {
        arn: await arnOf(aws, restApiId, stageName),
        executionArn: `arn:${partition}:execute-api:${aws.region}:${accountId}:${restApiId}/${stageName}`,
        invokeUrl: `https://${restApiId}.execute-api.${aws.region}.${domain}/${stageName}`,
        tagsAll: found.tags ?? {},
      },
    };
  },
  async update(aws, _id, { olds, news }) {
    const { restApi: restApiId, stageName } = news;
    const patchOperations = [
      ...(olds.deployment === news.deployment ? [] : [setTo("/deploymentId", news.deployment)]),
      ...(isDeepStrictEqual(olds.accessLogSettings, news.accessLogSettings) ? [] : accessLog(news)),
      ...(olds.xrayTracingEnabled === news.xrayTracingEnabled
        ? []
        : [setTo("/tracingEnabled", news.xrayTracingEnabled ?? false)]),
    ];
    if (patchOperations.length > 0)
      await aws.apiGateway.send(
        new UpdateStageCommand({ restApiId, stageName, patchOperations }),
        deadline(),
      );
    await retag(aws, await arnOf(aws, restApiId, stageName), olds.tags, news.tags);
  },
  async delete({ apiGateway }, _id, { restApi: restApiId, stageName }) {
    const remove = new DeleteStageCommand({ restApiId, stageName });
    await unlessMissing(apiGateway.send(remove, deadline()), MISSING);
  },
});

async function arnOf(aws: Aws, restApiId: string, stageName: string): Promise<string> {
  return `arn:${await aws.partition()}:apigateway:${aws.region}::/restapis/${restApiId}/stages/${stageName}`;
}

function accessLog({ accessLogSettings }: z.infer<typeof stageInputs>): PatchOperation[] {
  if (accessLogSettings === undefined) return [];
  return [
    setTo("/accessLogSettings/destinationArn", accessLogSettings.destinationArn),
    setTo("/accessLogSettings/format", accessLogSettings.format),
  ];
}

const settings = z.strictObject({
  throttlingRateLimit: z.number().optional(),
  throttlingBurstLimit: z.number().optional(),
  metricsEnabled: z.boolean().optional(),
  loggingLevel: z.enum(["OFF", "ERROR", "INFO"]).optional(),
  dataTraceEnabled: z.boolean().optional(),
});

/** What API Gateway calls them (docs.aws.amazon.com/apigateway/latest/api/patch-operations.html). */
const SETTING_PATHS = {
  throttlingRateLimit: "throttling/rateLimit",
  throttlingBurstLimit: "throttling/burstLimit",
  metricsEnabled: "metrics/enabled",
  loggingLevel: "logging/loglevel",
  dataTraceEnabled: "logging/dataTrace",
} as const satisfies Record<keyof z.infer<typeof settings>, string>;

const methodSettingsInputs = z.strictObject({
  restApi: z.string(),
  stageName: z.string(),
  methodPath: z.literal("*/*"),
  settings,
  region: z.string().optional(),
});

export const methodSettings = resourceType({
  token: "aws:apigateway/methodSettings:MethodSettings",
  inputs: methodSettingsInputs,
  replacedBy: ["restApi", "stageName", "methodPath", "region"],
  computed: [],
  async create(aws, inputs) {
    await setMethods(aws, inputs);
    return `${inputs.restApi}-${inputs.stageName}-${inputs.methodPath}`;
  },
  async read({ apiGateway }, _id, inputs) {
    const get = new GetStageCommand({ restApiId: inputs.restApi, stageName: inputs.stageName });
    const found = await unlessMissing(apiGateway.send(get, deadline()), MISSING);
    const there = found?.methodSettings?.[inputs.methodPath];
    if (there === undefined) return undefined;
    const names = Object.keys(SETTING_PATHS) as (keyof typeof SETTING_PATHS)[];
    const known = names.filter((name) => inputs.settings[name] !== undefined);
    return {
      inputs: { settings: settings.parse(Object.fromEntries(known.map((name) => [name, there[name]]))) },
      outputs: {},
    };
  },
  async update(aws, _id, { news }) {
    await setMethods(aws, news);
  },
  async delete({ apiGateway }, _id, { restApi: restApiId, stageName, methodPath }) {
    const patchOperations: PatchOperation[] = [{ op: "remove", path: `/${methodPath}` }];
    const update = new UpdateStageCommand({ restApiId, stageName, patchOperations });
    await unlessMissing(apiGateway.send(update, deadline()), MISSING);
  },
});

async function setMethods({ apiGateway }: Aws, inputs: z.infer<typeof methodSettingsInputs>): Promise<void> {
  const patchOperations = Object.entries(SETTING_PATHS).flatMap(([name, path]) => {
    const value = inputs.settings[name as keyof typeof SETTING_PATHS];
    return value === undefined ? [] : [setTo(`/${inputs.methodPath}/${path}`, value)];
  });
  const { restApi: restApiId, stageName } = inputs;
  await apiGateway.send(new UpdateStageCommand({ restApiId, stageName, patchOperations }), deadline());
}

export const account = resourceType({
  token: "aws:apigateway/account:Account",
  inputs: z.strictObject({ cloudwatchRoleArn: z.string().optional(), region: z.string().optional() }),
  replacedBy: ["region"],
  computed: [],
  async create(aws, { cloudwatchRoleArn }) {
    await setLogRole(aws, cloudwatchRoleArn);
    return "api-gateway-account";
  },
  async read({ apiGateway }) {
    const found = await apiGateway.send(new GetAccountCommand({}), deadline());
    return { inputs: { cloudwatchRoleArn: found.cloudwatchRoleArn }, outputs: {} };
  },
  async update(aws, _id, { news }) {
    await setLogRole(aws, news.cloudwatchRoleArn);
  },
  async delete(aws) {
    await setLogRole(aws, undefined);
  },
});

async function setLogRole({ apiGateway }: Aws, role: string | undefined): Promise<void> {
  const patchOperations = [setTo("/cloudwatchRoleArn", role ?? "")];
  await apiGateway.send(new UpdateAccountCommand({ patchOperations }), deadline());
}
