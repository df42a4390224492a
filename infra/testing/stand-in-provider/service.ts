import grpc from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";

import type { Failure, Of, StandInProvider } from "./provider.ts";
import { fromWire, toWire } from "./values.ts";
import type { Properties } from "./values.ts";

type Call<Request> = (request: Request) => unknown;

/**
 * The gRPC service that the engine calls (proto/pulumi/provider.proto of github.com/pulumi/pulumi). The Node SDK's
 * own server of providers hands neither the provider's settings nor previews on, so it is not used.
 * @param version what the engine is told
 */
export function providerService(
  provider: StandInProvider,
  version: string,
): grpc.UntypedServiceImplementation {
  return {
    handshake: unimplemented,
    parameterize: unimplemented,
    diffConfig: unimplemented,
    call: unimplemented,
    construct: unimplemented,
    list: unimplemented,
    getMapping: unimplemented,
    getMappings: unimplemented,
    attach: answering(() => new empty.Empty()),
    cancel: answering(() => new empty.Empty()),
    getPluginInfo: answering(() => new plugins.PluginInfo().setVersion(version)),
    getSchema: answering(() => new messages.GetSchemaResponse().setSchema("{}")),
    checkConfig: answering((request: messages.CheckRequest) =>
      new messages.CheckResponse().setInputs(request.getNews()),
    ),
    configure: answering((request: messages.ConfigureRequest) => {
      provider.configure(fromWire(request.getArgs()));
      // The engine itself then takes secrets out of what is sent here, and remembers which they were.
      return new messages.ConfigureResponse().setSupportspreview(true);
    }),
    invoke: answering(async (request: messages.InvokeRequest) => {
      const result = await provider.invoke(request.getTok(), fromWire(request.getArgs()));
      return new messages.InvokeResponse().setReturn(toWire(result));
    }),
    ...resourceCalls(provider),
  };
}

function resourceCalls(provider: StandInProvider): grpc.UntypedServiceImplementation {
  return {
    check: answering((request: messages.CheckRequest) => {
      const [olds, news] = [fromWire(request.getOlds()), fromWire(request.getNews())];
      const { inputs, failures } = provider.check(of(request.getUrn()), olds, news);
      return new messages.CheckResponse().setInputs(toWire(inputs)).setFailuresList(failures.map(failure));
    }),
    diff: answering((request: messages.DiffRequest) => {
      const [olds, news] = [fromWire(request.getOldInputs()), fromWire(request.getNews())];
      for (const ignored of request.getIgnorechangesList()) delete news[ignored];
      const { diffs, replaces, deleteFirst } = provider.diff(of(request.getUrn()), olds, news);
      const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
      return new messages.DiffResponse()
        .setChanges(diffs.length === 0 ? DIFF_NONE : DIFF_SOME)
        .setDiffsList(diffs)
        .setReplacesList(replaces)
        .setDeletebeforereplace(deleteFirst);
    }),
    create: answering(async (request: messages.CreateRequest) => {
      const inputs = fromWire(request.getProperties());
      const { id, state } = await provider.create(of(request.getUrn()), inputs, request.getPreview());
      return new messages.CreateResponse().setId(id).setProperties(toWire(state));
    }),
    read: answering(async (request: messages.ReadRequest) => {
      const known = await provider.read(of(request.getUrn()), request.getId(), fromWire(request.getInputs()));
      const response = new messages.ReadResponse();
      if (known === undefined) return response;
      return response
        .setId(request.getId())
        .setInputs(toWire(known.inputs))
        .setProperties(toWire(known.state));
    }),
    update: answering(async (request: messages.UpdateRequest) => {
      const change = {
        olds: fromWire(request.getOldInputs()),
        news: fromWire(request.getNews()),
        outputs: fromWire(request.getOlds()),
      };
      const state = await provider.update(
        of(request.getUrn()),
        request.getId(),
        change,
        request.getPreview(),
      );
      return new messages.UpdateResponse().setProperties(toWire(state));
    }),
    delete: answering(async (request: messages.DeleteRequest) => {
      const [inputs, outputs]: [Properties, Properties] = [
        fromWire(request.getOldInputs()),
        fromWire(request.getProperties()),
      ];
      await provider.delete(of(request.getUrn()), request.getId(), inputs, outputs);
      return new empty.Empty();
    }),
  };
}

/** `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME` */
function of(urn: string): Of {
  const [, , qualified = "", name = ""] = urn.split("::");
  return { type: qualified.split("$").at(-1) ?? "", name };
}

function failure({ property, reason }: Failure): messages.CheckFailure {
  return new messages.CheckFailure().setProperty(property).setReason(reason);
}

function answering<Request>(call: Call<Request>): grpc.handleUnaryCall<Request, unknown> {
  return ({ request }, callback) => {
    const run = async (): Promise<void> => {
      try {
        callback(null, await call(request));
      } catch (error) {
        const details = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        callback({ code: grpc.status.UNKNOWN, details });
      }
    };
    void run();
  };
}

const unimplemented: grpc.handleUnaryCall<unknown, unknown> = (_call, callback) => {
  callback({ code: grpc.status.UNIMPLEMENTED, details: "not needed by our stacks" });
};
