import { getCallerIdentityOutput } from "@pulumi/aws/getCallerIdentity.js";
import { getRegionOutput } from "@pulumi/aws/getRegion.js";
import * as pulumi from "@pulumi/pulumi";

/** Where in AWS a product cloud is. */
export interface AwsPlace {
  readonly accountId: pulumi.Output<string>;
  readonly region: pulumi.Output<string>;
  /** `aws`, `aws-cn`, … */
  readonly partition: pulumi.Output<string>;
}

/** Asks the provider who and where it is; `region` wins over the provider's. */
export function awsPlace(region: string | undefined, opts: pulumi.InvokeOutputOptions): AwsPlace {
  const caller = getCallerIdentityOutput({}, opts);
  return {
    accountId: caller.accountId,
    region: region === undefined ? getRegionOutput({}, opts).region : pulumi.output(region),
    partition: caller.arn.apply((arn) => arn.split(":")[1] ?? "aws"),
  };
}
