import grpc from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import { spawn } from "node:child_process";
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The exit code of a program that has told the user itself what was wrong (cmd/run/index.ts of the Node SDK). */
const HAS_TOLD_THE_USER = 32;

export interface HostOptions {
  /** Where the engine takes log messages. */
  readonly engine: string;
  readonly version: string;
}

/**
 * What of the engine's language protocol (proto/pulumi/language.proto of github.com/pulumi/pulumi) it takes to
 * run a Node program and a policy pack: they are given to the Node SDK's own `cmd/run` and `cmd/run-policy-pack`,
 * as Pulumi's host does. That one is not to be had as a Go module of the engine's version.
 */
export function languageService(options: HostOptions): grpc.UntypedServiceImplementation {
  return {
    handshake: unimplemented,
    getRequiredPlugins: unary(async () => new messages.GetRequiredPluginsResponse()),
    // Pulumi's host names the provider of each SDK that is installed, also of those that the stack does not use, and
    // the engine would fetch them. Where none is named, it looks for a provider when a resource wants it.
    getRequiredPackages: unary(async () => new messages.GetRequiredPackagesResponse()),
    getPluginInfo: unary(async () => new plugins.PluginInfo().setVersion(options.version)),
    getProgramDependencies: unary(async () => new messages.GetProgramDependenciesResponse()),
    runtimeOptionsPrompts: unary(async () => new messages.RuntimeOptionsResponse()),
    about: unary(async () =>
      new messages.AboutResponse().setExecutable(process.execPath).setVersion(process.version),
    ),
    cancel: unary(async () => new empty.Empty()),
    installDependencies: (call: grpc.ServerWritableStream<unknown, unknown>) => call.end(),
    run: unary(async (request: messages.RunRequest) => await runProgram(request, options)),
    runPlugin,
    generateProgram: unimplemented,
    generateProject: unimplemented,
    generatePackage: unimplemented,
    pack: unimplemented,
    link: unimplemented,
    template: unimplemented,
  };
}

async function runProgram(request: messages.RunRequest, options: HostOptions): Promise<messages.RunResponse> {
  const flags: Record<string, string> = {
    monitor: request.getMonitorAddress(),
    engine: options.engine,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    pwd: request.getPwd(),
    parallel: String(request.getParallel()),
    "query-mode": String(request.getQuerymode()),
  };
  const given = Object.entries(flags).filter(([, value]) => value !== "");
  const args = [
    sdkProgram("run"),
    ...given.flatMap(([name, value]) => [`--${name}`, value]),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    request.getProgram() === "" ? "." : request.getProgram(),
    ...request.getArgsList(),
  ];
  const typescript = request.getInfo()?.getOptions()?.toJavaScript()["typescript"] !== false;
  const child = start(args, {
    cwd: request.getPwd(),
    // The engine shows what its plugins write.
    stdio: "inherit",
    env: {
      ...process.env,
      ...(typescript && { PULUMI_NODEJS_TYPESCRIPT: "true" }),
      PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().entries())),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    },
  });
  const code = await exitCode(child);
  const response = new messages.RunResponse();
  if (code === HAS_TOLD_THE_USER) return response.setBail(true);
  return code === 0 ? response : response.setError(`Program exited with non-zero exit code: ${code}`);
}

/** Policy packs are run so. */
function runPlugin(
  call: grpc.ServerWritableStream<messages.RunPluginRequest, messages.RunPluginResponse>,
): void {
  const { request } = call;
  if (request.getKind() !== "analyzer") {
    call.destroy(new Error(`a plugin of kind ${request.getKind()} is not needed by our stacks`));
    return;
  }
  const program = request.getInfo()?.getProgramDirectory() ?? request.getPwd();
  const environment = request.getEnvList().map((entry) => entry.split(/=(.*)/s, 2));
  const child = start([sdkProgram("run-policy-pack"), ...request.getArgsList(), program], {
    cwd: request.getPwd(),
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...Object.fromEntries(environment) },
  });
  child.stdout?.on("data", (data: Buffer) => call.write(new messages.RunPluginResponse().setStdout(data)));
  child.stderr?.on("data", (data: Buffer) => call.write(new messages.RunPluginResponse().setStderr(data)));
  call.on("cancelled", () => child.kill());
  const finish = async (): Promise<void> => {
    const code = await exitCode(child);
    call.write(new messages.RunPluginResponse().setExitcode(code));
    call.end();
  };
  void finish();
}

function sdkProgram(name: "run" | "run-policy-pack"): string {
  return fileURLToPath(import.meta.resolve(`@pulumi/pulumi/cmd/${name}/index.js`));
}

/** Runs a program on the Node that runs this. */
function start(args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(process.execPath, args, options);
}

async function exitCode(child: ChildProcess): Promise<number> {
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

function unary<Request>(
  answer: (request: Request) => Promise<unknown>,
): grpc.handleUnaryCall<Request, unknown> {
  return ({ request }, callback) => {
    const run = async (): Promise<void> => {
      try {
        callback(null, await answer(request));
      } catch (error) {
        callback({
          code: grpc.status.UNKNOWN,
          details: error instanceof Error ? error.message : String(error),
        });
      }
    };
    void run();
  };
}

const unimplemented: grpc.handleUnaryCall<unknown, unknown> = (_call, callback) => {
  callback({ code: grpc.status.UNIMPLEMENTED, details: "not needed by our stacks" });
};
