import type * as pulumi from "@pulumi/pulumi";

/** Where in Azure a product cloud is, and what its resources are labelled with. */
export interface AzurePlace {
  readonly resourceGroupName: pulumi.Output<string>;
  readonly location: pulumi.Output<string>;
  readonly subscriptionId: pulumi.Output<string>;
  readonly tags: Readonly<Record<string, string>>;
}
