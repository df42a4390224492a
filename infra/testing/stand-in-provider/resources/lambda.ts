import {
  AddPermissionCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  GetFunctionCommand,
  GetPolicyCommand,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";

import { deadline, given, unlessMissing } from "../aws.ts";
import type { Aws } from "../aws.ts";
import { resourceType } from "../resource-type.ts";
import { tagChange, tags } from "../tags.ts";
import { archiveOfTexts, textOf, zipped } from "../values.ts";

const MISSING = "ResourceNotFoundException";
const SETTLED_WITHIN_S = 60;

const functionInputs = z.strictObject({
  name: z.string(),
  description: z.string().optional(),
  runtime: z.literal("nodejs24.x"),
  architectures: z.array(z.enum(["arm64", "x86_64"])).length(1),
  handler: z.string(),
  code: archiveOfTexts,
  role: z.string(),
  memorySize: z.number(),
  timeout: z.number(),
  reservedConcurrentExecutions: z.number().optional(),
  loggingConfig: z
    .strictObject({ logFormat: z.enum(["JSON", "Text"]), logGroup: z.string().optional() })
    .optional(),
  environment: z.strictObject({ variables: z.record(z.string(), z.string()) }).optional(),
  tracingConfig: z.strictObject({ mode: z.enum(["Active", "PassThrough"]) }).optional(),
  region: z.string().optional(),
  tags,
});
type FunctionInputs = z.infer<typeof functionInputs>;

export const lambdaFunction = resourceType({
  token: "aws:lambda/function:Function",
  inputs: functionInputs,
  autoNamed: "name",
  replacedBy: ["name", "region"],
  computed: ["arn", "invokeArn", "codeSha256", "sourceCodeSize", "version", "tagsAll"],
  async create(aws, inputs) {
    const FunctionName = inputs.name;
    const { lambda } = aws;
    await lambda.send(
      new CreateFunctionCommand({
        ...configuration(inputs),
        Architectures: inputs.architectures,
        Code: { ZipFile: zipped(inputs.code) },
        Tags: inputs.tags,
      }),
      deadline(),
    );
    await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: SETTLED_WITHIN_S }, { FunctionName });
    await reserve(aws, FunctionName, inputs.reservedConcurrentExecutions);
    return FunctionName;
  },
  async read(aws, FunctionName, inputs) {
    const found = await unlessMissing(
      aws.lambda.send(new GetFunctionCommand({ FunctionName }), deadline()),
      MISSING,
    );
    if (found === undefined) return undefined;
    const of = given(found.Configuration, "a function's configuration");
    const arn = given(of.FunctionArn, "a function's ARN");
    const invoked = `${await aws.partition()}:apigateway:${aws.region}:lambda:path/2015-03-31/functions/${arn}`;
    return {
      inputs: {
        name: FunctionName,
        description: of.Description,
        handler: of.Handler ?? "",
        role: of.Role ?? "",
        memorySize: of.MemorySize ?? 0,
        timeout: of.Timeout ?? 0,
        reservedConcurrentExecutions: found.Concurrency?.ReservedConcurrentExecutions,
        tags: Object.keys(found.Tags ?? {}).length > 0 ? found.Tags : undefined,
        ...(inputs.environment && { environment: { variables: of.Environment?.Variables ?? {} } }),
        ...(inputs.tracingConfig && {
          tracingConfig: {
            mode: of.TracingConfig?.Mode === "Active" ? ("Active" as const) : ("PassThrough" as const),
          },
        }),
      },
      outputs: {
        arn,
        invokeArn: `arn:${invoked}/invocations`,
        codeSha256: of.CodeSha256 ?? null,
        sourceCodeSize: of.CodeSize ?? null,
        version: of.Version ?? null,
        tagsAll: found.Tags ?? {},
      },
    };
  },
  async update(aws, FunctionName, { olds, news, outputs }) {
    const { lambda } = aws;
    const settled = { client: lambda, maxWaitTime: SETTLED_WITHIN_S };
    if (!isDeepStrictEqual(configuration(olds), configuration(news))) {
      await lambda.send(new UpdateFunctionConfigurationCommand(configuration(news)), deadline());
      await waitUntilFunctionUpdatedV2(settled, { FunctionName });
    }
    const codeOf = ({ code, architectures }: FunctionInputs): object => ({
      code: code.assets,
      architectures,
    });
    if (!isDeepStrictEqual(codeOf(olds), codeOf(news))) {
      const code = { ZipFile: zipped(news.code), Architectures: news.architectures };
      await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ...code }), deadline());
      await waitUntilFunctionUpdatedV2(settled, { FunctionName });
    }
    if (olds.reservedConcurrentExecutions !== news.reservedConcurrentExecutions)
      await reserve(aws, FunctionName, news.reservedConcurrentExecutions);
    const change = tagChange(olds.tags, news.tags);
    const Resource = textOf(outputs, "arn");
    if (Object.keys(change.set).length > 0)
      await lambda.send(new TagResourceCommand({ Resource, Tags: change.set }), deadline());
    if (change.remove.length > 0)
      await lambda.send(new UntagResourceCommand({ Resource, TagKeys: change.remove }), deadline());
  },
  async delete({ lambda }, FunctionName) {
    await unlessMissing(lambda.send(new DeleteFunctionCommand({ FunctionName }), deadline()), MISSING);
  },
});

/** All that is set by CreateFunction and UpdateFunctionConfiguration alike. */
function configuration(inputs: FunctionInputs) {
  return {
    FunctionName: inputs.name,
    Description: inputs.description ?? "",
    Runtime: inputs.runtime,
    Handler: inputs.handler,
    Role: inputs.role,
    MemorySize: inputs.memorySize,
    Timeout: inputs.timeout,
    Environment: { Variables: inputs.environment?.variables ?? {} },
    TracingConfig: { Mode: inputs.tracingConfig?.mode ?? "PassThrough" },
    LoggingConfig: {
      LogFormat: inputs.loggingConfig?.logFormat ?? "Text",
      ...(inputs.loggingConfig?.logGroup !== undefined && { LogGroup: inputs.loggingConfig.logGroup }),
    },
  } as const;
}

async function reserve({ lambda }: Aws, FunctionName: string, instances: number | undefined): Promise<void> {
  if (instances === undefined) {
    await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }), deadline());
    return;
  }
  const reserved = { FunctionName, ReservedConcurrentExecutions: instances };
  await lambda.send(new PutFunctionConcurrencyCommand(reserved), deadline());
}

export const permission = resourceType({
  token: "aws:lambda/permission:Permission",
  inputs: z.strictObject({
    statementId: z.string(),
    action: z.string(),
    function: z.string(),
    principal: z.string(),
    sourceArn: z.string().optional(),
    region: z.string().optional(),
  }),
  autoNamed: "statementId",
  replacedBy: ["statementId", "action", "function", "principal", "sourceArn", "region"],
  computed: [],
  async create({ lambda }, inputs) {
    await lambda.send(
      new AddPermissionCommand({
        FunctionName: inputs.function,
        StatementId: inputs.statementId,
        Action: inputs.action,
        Principal: inputs.principal,
        SourceArn: inputs.sourceArn,
      }),
      deadline(),
    );
    return inputs.statementId;
  },
  async read({ lambda }, id, inputs) {
    const found = await unlessMissing(
      lambda.send(new GetPolicyCommand({ FunctionName: inputs.function }), deadline()),
      MISSING,
    );
    const policy = z
      .object({ Statement: z.array(z.object({ Sid: z.string().optional() })) })
      .parse(JSON.parse(found?.Policy ?? '{"Statement":[]}'));
    return policy.Statement.some(({ Sid }) => Sid === id) ? { inputs, outputs: {} } : undefined;
  },
  async delete({ lambda }, StatementId, inputs) {
    const permission = { FunctionName: inputs.function, StatementId };
    await unlessMissing(lambda.send(new RemovePermissionCommand(permission), deadline()), MISSING);
  },
});
