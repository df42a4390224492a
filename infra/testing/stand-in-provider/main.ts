// What the Pulumi engine starts in place of `pulumi-resource-aws`. It prints its port, as the engine wants it.
import grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";

import manifest from "../../package.json" with { type: "json" };
import { StandInProvider } from "./provider.ts";
import { providerService } from "./service.ts";

const version = manifest.dependencies["@pulumi/aws"];
const server = new grpc.Server({ "grpc.max_receive_message_length": 400 * 1024 * 1024 });
server.addService(services.ResourceProviderService, providerService(new StandInProvider(), version));
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});
