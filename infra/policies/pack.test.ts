import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/analyzer_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/analyzer_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RULES } from "./rules.ts";

const RUNNER = join(import.meta.dirname, "../node_modules/@pulumi/pulumi/cmd/run-policy-pack");

let pack: ChildProcess;
let client: InstanceType<typeof services.AnalyzerClient>;

/** Starts the pack as Pulumi does: the folder is the program, and it prints the port that it answers at. */
beforeAll(async () => {
  pack = spawn(process.execPath, [RUNNER, "127.0.0.1:1", "."], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (pack.stdout === null) throw new Error("no stdout");
  const [port] = (await once(createInterface(pack.stdout), "line", {
    signal: AbortSignal.timeout(30_000),
  })) as [string];
  client = new services.AnalyzerClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
});

afterAll(() => {
  client.close();
  pack.kill();
});

const soon = (): { deadline: number } => ({ deadline: Date.now() + 20_000 });

async function analyze(
  type: string,
  properties: Record<string, struct.JavaScriptValue>,
): Promise<messages.AnalyzeDiagnostic[]> {
  const request = new messages.AnalyzeRequest();
  request.setType(type);
  request.setName("some");
  request.setUrn(`urn:pulumi:dev::certferry::${type}::some`);
  request.setProperties(struct.Struct.fromJavaScript(properties));
  request.setOptions(new messages.AnalyzerResourceOptions());
  return await new Promise((done, failed) => {
    client.analyze(request, new grpc.Metadata(), soon(), (error, response) =>
      error === null ? done(response.getDiagnosticsList()) : failed(error),
    );
  });
}

describe("the pack, run as Pulumi runs it", () => {
  it("offers every rule, each of which stops an update", async () => {
    const info = await new Promise<messages.AnalyzerInfo>((done, failed) => {
      client.getAnalyzerInfo(new empty.Empty(), new grpc.Metadata(), soon(), (error, response) =>
        error === null ? done(response) : failed(error),
      );
    });
    const policies = info.getPoliciesList();
    expect(policies.map((policy) => policy.getName())).toEqual(RULES.map(({ name }) => name));
    for (const policy of policies) {
      expect(policy.getEnforcementlevel()).toBe(messages.EnforcementLevel.MANDATORY);
    }
  });

  it("says what is wrong with a resource, and nothing of one that is right", async () => {
    const tags = { "managed-by": "certferry", "certferry-stack": "certferry/dev" };
    const log = "aws:cloudwatch/logGroup:LogGroup";
    expect(await analyze(log, { retentionInDays: 30, tags })).toEqual([]);
    const [fault, ...more] = await analyze(log, { tags });
    expect(more).toEqual([]);
    expect(fault?.getPolicyname()).toBe("log-retention");
    expect(fault?.getMessage()).toContain("set retentionInDays");
    expect(fault?.getEnforcementlevel()).toBe(messages.EnforcementLevel.MANDATORY);
  });
});
