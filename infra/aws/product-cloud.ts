import * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import * as iot from "@pulumi/aws/iot/index.js";
import * as pulumi from "@pulumi/pulumi";
import { lambdaArchive } from "../bundle/archives.ts";
import { trustedJwks } from "../config/jwks.ts";
import { devicePolicy } from "./device-policy.ts";
import { functionLog, inRegion, interopFunction } from "./function.ts";
import { gateway } from "./gateway.ts";
import { gatewayLogging } from "./gateway-logging.ts";
import { awsPlace } from "./place.ts";
import { functionRole } from "./role.ts";

export interface AwsProductCloudArgs {
  /** The public keys of those who may call: a JWKS as JSON. Several keys are all taken, so that one can follow another. */
  readonly jwks: string;
  /**
   * What resources are called in AWS, or begin with; the component's name unless told. Tell the old one when the
   * component is renamed: devices are attached to a policy and a type of that name.
   */
  readonly resourceName?: string | undefined;
  /** Another region than the provider's. */
  readonly region?: string | undefined;
  /** The stage of the API; `Prod` unless told, as in the vendor's stacks. */
  readonly stage?: string | undefined;
  /** What things are called; `Infineon_<serial>` unless told (docs/interop.md). */
  readonly thingNameTemplate?: string | undefined;
  /** What the thing group of each batch begins with; `resourceName` and a hyphen unless told. */
  readonly thingGroupPrefix?: string | undefined;
  /** The topic that devices are told; `iqs` unless told. */
  readonly defaultTopic?: string | undefined;
  /** Whether devices may publish to the default topic itself, as the field's firmware does; true unless told. */
  readonly publishToDefaultTopic?: boolean | undefined;
  /** Whether devices may use their own shadows and jobs; false unless told. */
  readonly shadowAndJobs?: boolean | undefined;
  /**
   * Devices a second at most that an instance of the function begins with; 10 unless told. Instances do not know of
   * each other: what keeps all of them together is the same ceiling in the CloudApi, which the program puts there.
   */
  readonly devicesPerSecond?: number | undefined;
  /** Instances of the function at most; 10 unless told. -1 reserves nothing. */
  readonly reservedConcurrency?: number | undefined;
  /** Memory of the function in MiB, and with it its share of a processor; 512 unless told. */
  readonly memoryMiB?: number | undefined;
  /** Requests a second that the API takes, and how many at once above that; 20 and 40 unless told. */
  readonly throttle?: { readonly rate: number; readonly burst: number } | undefined;
  /** Days that logs are kept; 30 unless told. */
  readonly logRetentionDays?: number | undefined;
  /** Whether AWS X-Ray traces requests; false unless told. */
  readonly tracing?: boolean | undefined;
  /**
   * Whether the account's role for API Gateway's logs is set here, or is there already. It is one for all APIs
   * of the account in the region; `set` unless told.
   */
  readonly gatewayLogRole?: "set" | "existing" | undefined;
  /** Whether what devices hold on to (their policy and thing type) is protected from deletion; true unless told. */
  readonly protect?: boolean | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** The function's code with `index.handler`; the bundled callee unless told. */
  readonly code?: pulumi.asset.Archive | undefined;
}

/**
 * A product cloud in AWS: a REST API and a Lambda function that speak the interop protocol, in front of AWS IoT
 * Core. Its outputs are the fields of a CloudApi.
 */
export class AwsProductCloud extends pulumi.ComponentResource {
  readonly accountId: pulumi.Output<string>;
  readonly gatewayId: pulumi.Output<string>;
  readonly region: pulumi.Output<string>;
  readonly stage: pulumi.Output<string>;
  /** The address that is posted to. */
  readonly interopUrl: pulumi.Output<string>;
  readonly devicePolicyName: pulumi.Output<string>;
  readonly thingTypeName: pulumi.Output<string>;
  readonly functionName: pulumi.Output<string>;

  constructor(name: string, args: AwsProductCloudArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("certferry:aws:ProductCloud", name, {}, opts);
    const { region, tags = {}, resourceName = name } = args;
    const template = args.thingNameTemplate ?? "Infineon_<serial>";
    const thingGroupPrefix = args.thingGroupPrefix ?? `${resourceName}-`;
    const defaultTopic = args.defaultTopic ?? "iqs";
    const tracing = args.tracing ?? false;
    const retentionDays = args.logRetentionDays ?? 30;
    const child: pulumi.CustomResourceOptions = { parent: this };
    const lasting: pulumi.CustomResourceOptions = { parent: this, protect: args.protect ?? true };
    const place = awsPlace(region, { parent: this });

    // Names of their own making: devices stay attached to them whatever becomes of the rest of the stack.
    const policy = new iot.Policy(
      `${name}-device`,
      {
        name: `${resourceName}-device`,
        policy: pulumi
          .all([place.partition, place.region, place.accountId])
          .apply(([partition, inThisRegion, accountId]) =>
            devicePolicy(
              { partition, region: inThisRegion, accountId },
              {
                defaultTopic,
                publishToDefaultTopic: args.publishToDefaultTopic ?? true,
                shadowAndJobs: args.shadowAndJobs ?? false,
              },
            ),
          ),
        ...inRegion(region),
        tags: { ...tags },
      },
      lasting,
    );
    const thingType = new iot.ThingType(
      `${name}-device`,
      {
        name: `${resourceName}-device`,
        properties: { description: "A device whose certificate Certferry brought" },
        ...inRegion(region),
        tags: { ...tags },
      },
      lasting,
    );

    const functionName = `${resourceName}-interop`;
    const logGroup = functionLog(name, { functionName, region, tags, retentionDays }, child);
    const { role, rights } = functionRole(
      name,
      {
        place,
        logGroupArn: logGroup.arn,
        devicePolicyArn: policy.arn,
        thingNamePrefix: template.split("<", 1)[0] ?? "",
        thingGroupPrefix,
        tracing,
        tags,
      },
      child,
    );
    const reserved = args.reservedConcurrency ?? 10;
    const callee = interopFunction(
      name,
      {
        functionName,
        code: args.code ?? lambdaArchive(),
        role,
        rights,
        logGroup,
        environment: {
          AUDIENCE: place.accountId,
          JWKS: trustedJwks(args.jwks),
          THING_NAME_TEMPLATE: template,
          THING_TYPE: thingType.name,
          THING_GROUP_PREFIX: thingGroupPrefix,
          IOT_POLICY: policy.name,
          DEFAULT_TOPIC: defaultTopic,
          DEVICES_PER_SECOND: String(args.devicesPerSecond ?? 10),
        },
        memoryMiB: args.memoryMiB ?? 512,
        reservedConcurrency: reserved < 0 ? undefined : reserved,
        tracing,
        region,
        tags,
      },
      child,
    );

    const accessLog = new cloudwatch.LogGroup(
      `${name}-gateway`,
      {
        name: `/aws/apigateway/${resourceName}`,
        retentionInDays: retentionDays,
        ...inRegion(region),
        tags: { ...tags },
      },
      child,
    );
    const { api, stage } = gateway(
      name,
      {
        apiName: resourceName,
        function: callee,
        stage: args.stage ?? "Prod",
        accessLog,
        logging:
          (args.gatewayLogRole ?? "set") === "set"
            ? gatewayLogging(name, { place, region, tags }, child)
            : [],
        rate: args.throttle?.rate ?? 20,
        burst: args.throttle?.burst ?? 40,
        tracing,
        region,
        tags,
      },
      child,
    );

    this.accountId = place.accountId;
    this.gatewayId = api.id;
    this.region = place.region;
    this.stage = stage.stageName;
    this.interopUrl = pulumi.interpolate`${stage.invokeUrl}/interop`;
    this.devicePolicyName = policy.name;
    this.thingTypeName = thingType.name;
    this.functionName = callee.name;
    this.registerOutputs({
      accountId: this.accountId,
      gatewayId: this.gatewayId,
      region: this.region,
      stage: this.stage,
      interopUrl: this.interopUrl,
      devicePolicyName: this.devicePolicyName,
      thingTypeName: this.thingTypeName,
      functionName: this.functionName,
    });
  }
}
