// What the Pulumi engine starts in place of `pulumi-language-nodejs`: ADDRESS of the engine. It prints its port.
import grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/language_grpc_pb.js";

import manifest from "../../package.json" with { type: "json" };
import { languageService } from "./service.ts";

const engine = process.argv.at(-1) ?? "";
const version = manifest.dependencies["@pulumi/pulumi"];
const server = new grpc.Server();
server.addService(services.LanguageRuntimeService, languageService({ engine, version }));
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});
