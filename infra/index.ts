// The program that `pulumi up` runs (through main.mjs): the product clouds that the configuration asks for.
import * as pulumi from "@pulumi/pulumi";
import type { AwsProductCloud } from "./aws/product-cloud.ts";
import type { AzureProductCloud } from "./azure/product-cloud.ts";
import { type CloudFacts, cloudApis } from "./cloud-apis.ts";
import { ConfigError, readSettings } from "./config/read.ts";
import type { Settings } from "./config/settings.ts";

/** The stack's outputs. Those of a cloud that is not asked for are missing. */
export interface StackOutputs {
  /** The vendor's names for the fields of an AWS Cloud API. */
  readonly AccountId?: pulumi.Output<string>;
  readonly GatewayId?: pulumi.Output<string>;
  readonly Region?: pulumi.Output<string>;
  readonly Stage?: pulumi.Output<string>;
  /** The vendor's names for those of an Azure one. */
  readonly interopURL?: pulumi.Output<string>;
  readonly subscriptionId?: pulumi.Output<string>;
  /** What to give to `az`, should the function ever have to be deployed by hand. */
  readonly resourceGroup?: pulumi.Output<string>;
  readonly functionApp?: pulumi.Output<string>;
  /** The CloudApis of all clouds, for `kubectl apply -f -`. */
  readonly cloudApis: pulumi.Output<string>;
}

/**
 * Reads the stack's configuration and makes what it says.
 * @throws RunError with all faults of the configuration; Pulumi shows it without a stack trace
 */
export async function program(): Promise<StackOutputs> {
  const settings = configured();
  return await productClouds(settings, {
    "managed-by": "certferry",
    "certferry-stack": `${pulumi.getProject()}/${pulumi.getStack()}`,
    ...settings.tags,
  });
}

function configured(): Settings {
  const project = `${pulumi.getProject()}:`;
  const keys = Object.keys(pulumi.runtime.allConfig())
    .filter((key) => key.startsWith(project))
    .map((key) => key.slice(project.length));
  try {
    return readSettings(new pulumi.Config(), keys);
  } catch (error) {
    throw error instanceof ConfigError ? new pulumi.RunError(error.message) : error;
  }
}

/** Makes the product clouds of checked settings. Only the SDK of a cloud that is asked for is loaded. */
export async function productClouds(
  settings: Settings,
  tags: Readonly<Record<string, string>>,
): Promise<StackOutputs> {
  const aws = settings.clouds.includes("aws") ? await awsCloud(settings, tags) : undefined;
  const azure = settings.clouds.includes("azure") ? await azureCloud(settings, tags) : undefined;
  const clouds: pulumi.Output<CloudFacts>[] = [];
  if (aws !== undefined) {
    clouds.push(
      pulumi.output({
        cloud: "aws" as const,
        accountId: aws.accountId,
        apiGatewayId: aws.gatewayId,
        region: aws.region,
        stage: aws.stage,
        endpoint: told(settings.awsEndpoint),
      }),
    );
  }
  if (azure !== undefined) {
    const { interopUrl, subscriptionId, location } = azure;
    clouds.push(pulumi.output({ cloud: "azure" as const, interopUrl, subscriptionId, location }));
  }
  return {
    ...(aws === undefined
      ? {}
      : { AccountId: aws.accountId, GatewayId: aws.gatewayId, Region: aws.region, Stage: aws.stage }),
    ...(azure === undefined
      ? {}
      : {
          interopURL: azure.interopUrl,
          subscriptionId: azure.subscriptionId,
          resourceGroup: azure.resourceGroupName,
          functionApp: azure.functionAppName,
        }),
    cloudApis: pulumi.all(clouds).apply((facts) =>
      cloudApis({
        clouds: facts,
        name: settings.name,
        namespace: settings.namespace,
        defaultCloud: settings.defaultCloud,
        devicesPerSecond: settings.devicesPerSecond,
      }),
    ),
  };
}

async function awsCloud(
  settings: Settings,
  tags: Readonly<Record<string, string>>,
): Promise<AwsProductCloud> {
  const { AwsProductCloud } = await import("./aws/product-cloud.ts");
  return new AwsProductCloud(settings.name, {
    jwks: settings.jwks,
    region: told(settings.awsRegion),
    stage: settings.awsStage,
    thingNameTemplate: settings.awsThingNameTemplate,
    thingGroupPrefix: told(settings.awsThingGroupPrefix),
    defaultTopic: settings.defaultTopic,
    publishToDefaultTopic: settings.awsPublishToDefaultTopic,
    shadowAndJobs: settings.awsShadowAndJobs,
    devicesPerSecond: settings.devicesPerSecond,
    reservedConcurrency: settings.awsReservedConcurrency,
    memoryMiB: settings.awsMemoryMiB,
    throttle: { rate: settings.awsThrottleRate, burst: settings.awsThrottleBurst },
    logRetentionDays: settings.logRetentionDays,
    tracing: settings.awsTracing,
    gatewayLogRole: settings.awsGatewayLogRole,
    protect: settings.protect,
    tags,
  });
}

async function azureCloud(
  settings: Settings,
  tags: Readonly<Record<string, string>>,
): Promise<AzureProductCloud> {
  const { AzureProductCloud } = await import("./azure/product-cloud.ts");
  return new AzureProductCloud(settings.name, {
    jwks: settings.jwks,
    location: told(settings.azureLocation),
    hub:
      settings.azureIotHub === "use"
        ? { use: { name: settings.azureIotHubName, resourceGroup: settings.azureIotHubResourceGroup } }
        : { create: { sku: settings.azureIotHubSku, units: settings.azureIotHubUnits } },
    twins: settings.azureTwins,
    deviceNameTemplate: settings.azureDeviceNameTemplate,
    defaultTopic: settings.defaultTopic,
    maximumInstances: settings.azureMaximumInstances,
    memoryMiB: settings.azureMemoryMiB,
    logRetentionDays: settings.logRetentionDays,
    protect: settings.protect,
    tags,
  });
}

/** A setting whose empty text means that nothing was told. */
function told(text: string): string | undefined {
  return text === "" ? undefined : text;
}
