import {
  CreateDeploymentCommand,
  CreateResourceCommand,
  CreateRestApiCommand,
  DeleteDeploymentCommand,
  DeleteIntegrationCommand,
  DeleteMethodCommand,
  DeleteResourceCommand,
  DeleteRestApiCommand,
  GetDeploymentCommand,
  GetIntegrationCommand,
  GetMethodCommand,
  GetResourceCommand,
  GetResourcesCommand,
  GetRestApiCommand,
  PutIntegrationCommand,
  PutMethodCommand,
  UpdateRestApiCommand,
} from "@aws-sdk/client-api-gateway";
import { z } from "zod";

import { deadline, given, unlessMissing } from "../aws.ts";
import type { Aws } from "../aws.ts";
import { resourceType } from "../resource-type.ts";
import { tags } from "../tags.ts";
import { MISSING, retag, setTo } from "./api-gateway.ts";

export const restApi = resourceType({
  token: "aws:apigateway/restApi:RestApi",
  inputs: z.strictObject({
    name: z.string(),
    description: z.string().optional(),
    endpointConfiguration: z.strictObject({ types: z.enum(["REGIONAL", "EDGE", "PRIVATE"]) }).optional(),
    securityPolicy: z.string().optional(),
    endpointAccessMode: z.enum(["BASIC", "STRICT"]).optional(),
    region: z.string().optional(),
    tags,
  }),
  autoNamed: "name",
  replacedBy: ["endpointConfiguration", "region"],
  computed: ["arn", "executionArn", "rootResourceId", "tagsAll"],
  async create({ apiGateway }, inputs) {
    const answer = await apiGateway.send(
      new CreateRestApiCommand({
        name: inputs.name,
        description: inputs.description,
        ...(inputs.endpointConfiguration && {
          endpointConfiguration: { types: [inputs.endpointConfiguration.types] },
        }),
        ...(inputs.securityPolicy !== undefined && {
          securityPolicy: securityPolicy.parse(inputs.securityPolicy),
        }),
        endpointAccessMode: inputs.endpointAccessMode,
        tags: inputs.tags,
      }),
      deadline(),
    );
    return given(answer.id, "the ID of an API");
  },
  async read(aws, restApiId) {
    const found = await unlessMissing(
      aws.apiGateway.send(new GetRestApiCommand({ restApiId }), deadline()),
      MISSING,
    );
    if (found === undefined) return undefined;
    const { accountId } = await aws.caller();
    const some = Object.keys(found.tags ?? {}).length > 0;
    return {
      inputs: { name: found.name ?? "", description: found.description, tags: some ? found.tags : undefined },
      outputs: {
        arn: await arnOf(aws, restApiId),
        executionArn: `arn:${await aws.partition()}:execute-api:${aws.region}:${accountId}:${restApiId}`,
        rootResourceId: await rootOf(aws, restApiId),
        tagsAll: found.tags ?? {},
      },
    };
  },
  async update(aws, restApiId, { olds, news }) {
    const patchOperations = (["name", "description", "securityPolicy", "endpointAccessMode"] as const)
      .filter((property) => olds[property] !== news[property])
      .map((property) => setTo(`/${property}`, news[property] ?? ""));
    if (patchOperations.length > 0)
      await aws.apiGateway.send(new UpdateRestApiCommand({ restApiId, patchOperations }), deadline());
    await retag(aws, await arnOf(aws, restApiId), olds.tags, news.tags);
  },
  async delete({ apiGateway }, restApiId) {
    await unlessMissing(apiGateway.send(new DeleteRestApiCommand({ restApiId }), deadline()), MISSING);
  },
});

/** What AWS calls those of them that the program may choose. */
const securityPolicy = z.enum(["TLS_1_2", "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"]);

async function arnOf(aws: Aws, restApiId: string): Promise<string> {
  return `arn:${await aws.partition()}:apigateway:${aws.region}::/restapis/${restApiId}`;
}

async function rootOf({ apiGateway }: Aws, restApiId: string): Promise<string> {
  const { items = [] } = await apiGateway.send(new GetResourcesCommand({ restApiId }), deadline());
  return given(items.find(({ path }) => path === "/")?.id, "the root of an API");
}

const onApi = { restApi: z.string(), region: z.string().optional() };

export const resource = resourceType({
  token: "aws:apigateway/resource:Resource",
  inputs: z.strictObject({ ...onApi, parentId: z.string(), pathPart: z.string() }),
  replacedBy: ["restApi", "region", "parentId", "pathPart"],
  computed: ["path"],
  async create({ apiGateway }, { restApi: restApiId, parentId, pathPart }) {
    const answer = await apiGateway.send(
      new CreateResourceCommand({ restApiId, parentId, pathPart }),
      deadline(),
    );
    return given(answer.id, "the ID of a resource");
  },
  async read({ apiGateway }, resourceId, { restApi: restApiId }) {
    const found = await unlessMissing(
      apiGateway.send(new GetResourceCommand({ restApiId, resourceId }), deadline()),
      MISSING,
    );
    return found && { inputs: {}, outputs: { path: found.path ?? null } };
  },
  async delete({ apiGateway }, resourceId, { restApi: restApiId }) {
    const call = apiGateway.send(new DeleteResourceCommand({ restApiId, resourceId }), deadline());
    await unlessMissing(call, MISSING);
  },
});

const onResource = { ...onApi, resourceId: z.string(), httpMethod: z.string() };

export const method = resourceType({
  token: "aws:apigateway/method:Method",
  inputs: z.strictObject({ ...onResource, authorization: z.literal("NONE") }),
  replacedBy: ["restApi", "region", "resourceId", "httpMethod", "authorization"],
  computed: [],
  async create({ apiGateway }, { restApi: restApiId, resourceId, httpMethod, authorization }) {
    const put = { restApiId, resourceId, httpMethod, authorizationType: authorization };
    await apiGateway.send(new PutMethodCommand(put), deadline());
    return `agm-${restApiId}-${resourceId}-${httpMethod}`;
  },
  async read({ apiGateway }, _id, { restApi: restApiId, resourceId, httpMethod }) {
    const get = new GetMethodCommand({ restApiId, resourceId, httpMethod });
    const found = await unlessMissing(apiGateway.send(get, deadline()), MISSING);
    return found && { inputs: {}, outputs: {} };
  },
  async delete({ apiGateway }, _id, { restApi: restApiId, resourceId, httpMethod }) {
    const remove = new DeleteMethodCommand({ restApiId, resourceId, httpMethod });
    await unlessMissing(apiGateway.send(remove, deadline()), MISSING);
  },
});

export const integration = resourceType({
  token: "aws:apigateway/integration:Integration",
  inputs: z.strictObject({
    ...onResource,
    type: z.literal("AWS_PROXY"),
    integrationHttpMethod: z.literal("POST"),
    uri: z.string(),
    timeoutMilliseconds: z.number().optional(),
  }),
  replacedBy: ["restApi", "region", "resourceId", "httpMethod", "type"],
  computed: [],
  async create(aws, inputs) {
    await putIntegration(aws, inputs);
    return `agi-${inputs.restApi}-${inputs.resourceId}-${inputs.httpMethod}`;
  },
  async read({ apiGateway }, _id, { restApi: restApiId, resourceId, httpMethod }) {
    const get = new GetIntegrationCommand({ restApiId, resourceId, httpMethod });
    const found = await unlessMissing(apiGateway.send(get, deadline()), MISSING);
    return found && { inputs: { uri: found.uri ?? "" }, outputs: {} };
  },
  async update(aws, _id, { news }) {
    await putIntegration(aws, news);
  },
  async delete({ apiGateway }, _id, { restApi: restApiId, resourceId, httpMethod }) {
    const remove = new DeleteIntegrationCommand({ restApiId, resourceId, httpMethod });
    await unlessMissing(apiGateway.send(remove, deadline()), MISSING);
  },
});

interface IntegrationInputs {
  readonly restApi: string;
  readonly resourceId: string;
  readonly httpMethod: string;
  readonly type: "AWS_PROXY";
  readonly integrationHttpMethod: string;
  readonly uri: string;
  readonly timeoutMilliseconds?: number | undefined;
}

async function putIntegration({ apiGateway }: Aws, inputs: IntegrationInputs): Promise<void> {
  await apiGateway.send(
    new PutIntegrationCommand({
      restApiId: inputs.restApi,
      resourceId: inputs.resourceId,
      httpMethod: inputs.httpMethod,
      type: inputs.type,
      integrationHttpMethod: inputs.integrationHttpMethod,
      uri: inputs.uri,
      timeoutInMillis: inputs.timeoutMilliseconds,
    }),
    deadline(),
  );
}

export const deployment = resourceType({
  token: "aws:apigateway/deployment:Deployment",
  inputs: z.strictObject({ ...onApi, triggers: z.record(z.string(), z.string()).optional() }),
  replacedBy: ["restApi", "region", "triggers"],
  computed: ["createdDate"],
  async create({ apiGateway }, { restApi: restApiId }) {
    const answer = await apiGateway.send(new CreateDeploymentCommand({ restApiId }), deadline());
    return given(answer.id, "the ID of a deployment");
  },
  async read({ apiGateway }, deploymentId, { restApi: restApiId }) {
    const get = new GetDeploymentCommand({ restApiId, deploymentId });
    const found = await unlessMissing(apiGateway.send(get, deadline()), MISSING);
    return found && { inputs: {}, outputs: { createdDate: found.createdDate?.toISOString() ?? null } };
  },
  async delete({ apiGateway }, deploymentId, { restApi: restApiId }) {
    const remove = new DeleteDeploymentCommand({ restApiId, deploymentId });
    await unlessMissing(apiGateway.send(remove, deadline()), MISSING);
  },
});
