// A program of one's own with a product cloud in a second region, beside whatever else it makes. Stacks of the
// product cloud alone need no program: see Pulumi.yaml at the top.
import { readFileSync } from "node:fs";
import { Provider } from "@pulumi/aws/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { AwsProductCloud } from "../../aws/product-cloud.ts";

export default async function main() {
  const config = new pulumi.Config();
  const tags = { "managed-by": "certferry", "certferry-stack": pulumi.getStack() };
  const frankfurt = new Provider("frankfurt", { region: "eu-central-1" });
  const cloud = new AwsProductCloud(
    "meters",
    {
      jwks: readFileSync(config.require("jwksFile"), "utf8"),
      stage: "Prod",
      // By fingerprint, serial numbers may collide as they like.
      thingNameTemplate: "meter_<fingerprint>",
      publishToDefaultTopic: false,
      devicesPerSecond: 50,
      tags,
    },
    { provider: frankfurt },
  );
  return { AccountId: cloud.accountId, GatewayId: cloud.gatewayId, Region: cloud.region, Stage: cloud.stage };
}
