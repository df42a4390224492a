// A program of one's own that lets an IoT Hub which is there already be filled by Certferry.
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { AzureProductCloud } from "../../azure/product-cloud.ts";

export default async function main() {
  const config = new pulumi.Config();
  const cloud = new AzureProductCloud("meters", {
    jwks: readFileSync(config.require("jwksFile"), "utf8"),
    location: "westeurope",
    hub: { use: { name: config.require("hub"), resourceGroup: config.require("hubResourceGroup") } },
    tags: { "managed-by": "certferry", "certferry-stack": pulumi.getStack() },
  });
  return { interopURL: cloud.interopUrl, subscriptionId: cloud.subscriptionId };
}
