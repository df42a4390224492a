import { stringify } from "yaml";

/** What of a product cloud goes into its CloudApi (docs/cloudapi.md). */
export type CloudFacts =
  | {
      readonly cloud: "aws";
      readonly accountId: string;
      readonly apiGatewayId: string;
      readonly region: string;
      readonly stage: string;
      readonly endpoint?: string | undefined;
    }
  | {
      readonly cloud: "azure";
      readonly interopUrl: string;
      readonly subscriptionId: string;
      readonly location: string;
    };

export interface CloudApisArgs {
  readonly clouds: readonly CloudFacts[];
  /** The stack's name for its resources; the CloudApis' names begin with it. */
  readonly name: string;
  /** The account. */
  readonly namespace: string;
  readonly defaultCloud: "none" | "aws" | "azure";
  readonly devicesPerSecond: number;
}

/**
 * The CloudApis of the product clouds as one `kind: List`, in YAML that `kubectl apply -f -` takes. What tells
 * one cloud from another cannot be changed in a CloudApi, so its name has account-wide parts of it: another
 * region is another object.
 */
export function cloudApis(args: CloudApisArgs): string {
  const items = args.clouds.map((facts) => ({
    apiVersion: "certferry.dev/v1alpha1",
    kind: "CloudApi",
    metadata: { namespace: args.namespace, name: objectName(args.name, facts) },
    spec: {
      ...spec(facts),
      ...(args.defaultCloud === facts.cloud ? { default: true } : {}),
      limits: { devicesPerSecond: args.devicesPerSecond },
    },
  }));
  // kubectl reads YAML 1.1, where a bare account ID is a number and more words are booleans.
  return stringify(
    { apiVersion: "v1", kind: "List", items },
    { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false },
  );
}

function objectName(name: string, facts: CloudFacts): string {
  const where = facts.cloud === "aws" ? facts.region : facts.location;
  return `${name}-${facts.cloud}-${where}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "")
    .slice(0, 63);
}

function spec(facts: CloudFacts): Record<string, unknown> {
  if (facts.cloud === "azure") {
    const { interopUrl, subscriptionId, location } = facts;
    return {
      displayName: `Azure IoT Hub, ${location}`,
      type: "Azure",
      azure: { interopUrl, subscriptionId },
    };
  }
  const { accountId, apiGatewayId, region, stage, endpoint } = facts;
  return {
    displayName: `AWS IoT Core, ${region}`,
    type: "AWS",
    aws: { accountId, apiGatewayId, region, stage, ...(endpoint === undefined ? {} : { endpoint }) },
  };
}
