import { APIGatewayClient } from "@aws-sdk/client-api-gateway";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { IAMClient } from "@aws-sdk/client-iam";
import { IoTClient } from "@aws-sdk/client-iot";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const CALL_DEADLINE_MS = 60_000;

interface Caller {
  readonly accountId: string;
  readonly arn: string;
  readonly userId: string;
}

/** Where clients call, and as whom. */
export interface Access {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** The clients of one region. Where they call, and as whom, is for the environment to say unless it is told. */
export class Aws {
  readonly region: string;
  readonly apiGateway: APIGatewayClient;
  readonly iam: IAMClient;
  readonly iot: IoTClient;
  readonly lambda: LambdaClient;
  readonly logs: CloudWatchLogsClient;
  readonly #sts: STSClient;
  #caller: Promise<Caller> | undefined;

  constructor(region: string, access?: Access) {
    const settings = { region, ...access };
    this.region = region;
    this.apiGateway = new APIGatewayClient(settings);
    this.iam = new IAMClient(settings);
    this.iot = new IoTClient(settings);
    this.lambda = new LambdaClient(settings);
    this.logs = new CloudWatchLogsClient(settings);
    this.#sts = new STSClient(settings);
  }

  /** Who calls; asked for once. */
  async caller(): Promise<Caller> {
    this.#caller ??= this.#askWho();
    return await this.#caller;
  }

  /** As `aws` or `aws-cn`. */
  async partition(): Promise<string> {
    return (await this.caller()).arn.split(":")[1] ?? "aws";
  }

  async #askWho(): Promise<Caller> {
    const answer = await this.#sts.send(new GetCallerIdentityCommand({}), deadline());
    return {
      accountId: given(answer.Account, "the caller's account"),
      arn: given(answer.Arn, "the caller's ARN"),
      userId: given(answer.UserId, "the caller's ID"),
    };
  }
}

/** The options of each call: that it ends. */
export function deadline(): { abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(CALL_DEADLINE_MS) };
}

/**
 * A member of an answer that AWS always gives, though its SDK does not promise it.
 * @throws Error when it is not there
 */
export function given<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`AWS gave no answer to ${what}`);
  return value;
}

/**
 * What a call answers; undefined when AWS says that there is no such thing.
 * @param names what AWS calls that error
 */
export async function unlessMissing<T>(
  call: Promise<T>,
  ...names: readonly string[]
): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && names.includes(error.name)) return undefined;
    throw error;
  }
}
