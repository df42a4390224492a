import * as pulumi from "@pulumi/pulumi";
import { mocks } from "./mocks.ts";

/** A resource that a program asked for. */
export interface RecordedResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Managed by a provider, not a component. */
  readonly custom: boolean;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** URN of the parent; empty for the stack. */
  readonly parent: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  /** `urn::id` of an explicit provider; empty for the default one. */
  readonly provider: string;
  /** URNs of the resources that it waits for: those of its properties, and those that it names. */
  readonly dependencies: readonly string[];
  readonly aliases: readonly string[];
  /** When hooks of its run, e.g. `beforeCreate`. A dry run runs none. */
  readonly hooks: readonly string[];
}

export interface DryRun {
  readonly resources: readonly RecordedResource[];
  /** The stack's outputs, resolved. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** As far as the recorder reads the request that registers a resource (pulumi/resource.proto). */
interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getCustom(): boolean;
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getProvider(): string;
  getProvidersMap(): { forEach(visit: (reference: string, packageName: string) => void): void };
  getDependenciesList(): string[];
  getObject(): Parameters<typeof pulumi.runtime.deserializeProperties>[0];
  getHooks(): Record<string, () => string[]> | undefined;
  getAliasesList(): { getUrn(): string; getSpec(): { getName(): string } | undefined }[];
}

interface RegisterResponse {
  getUrn(): string;
}

interface Monitor {
  registerResourceHook(request: unknown, answer: (error: null) => void): void;
  registerResource(
    request: RegisterRequest,
    answer: (error: unknown, response: RegisterResponse | undefined) => void,
  ): Promise<void>;
}

/**
 * Runs a Pulumi program with stand-ins for engine and providers, and tells what it asked for. One at a time in
 * a process; `init` must import what makes resources no earlier than it runs.
 * @param config the stack's configuration, with the project's prefix
 */
export async function dryRun(
  init: () => Promise<unknown>,
  config: Readonly<Record<string, string>> = {},
): Promise<DryRun> {
  await pulumi.runtime.setMocks(mocks, "certferry", "dry-run", false);
  pulumi.runtime.setAllConfig({ ...config });
  const resources: RecordedResource[] = [];
  record(pulumi.runtime.getMonitor() as unknown as Monitor, resources);
  const outputs = await pulumi.runtime.runInPulumiStack(init);
  const resolved = await promised(pulumi.output(outputs ?? {}));
  await pulumi.runtime.disconnect();
  return {
    resources: resources.filter(({ type }) => type !== "pulumi:pulumi:Stack"),
    outputs: resolved,
  };
}

/** Listens in at the stand-in of the engine: it sees of a resource what a provider does not, its options. */
function record(monitor: Monitor, into: RecordedResource[]): void {
  // The stand-in has none of its own.
  monitor.registerResourceHook = (_request, answer) => answer(null);
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = async (request, answer) => {
    await register(request, (error, response) => {
      if (response !== undefined && error === null) into.push(recorded(request, response));
      answer(error, response);
    });
  };
}

function recorded(request: RegisterRequest, response: RegisterResponse): RecordedResource {
  return {
    urn: response.getUrn(),
    type: request.getType(),
    name: request.getName(),
    custom: request.getCustom(),
    inputs: pulumi.runtime.deserializeProperties(request.getObject()),
    parent: request.getParent(),
    protect: request.getProtect(),
    retainOnDelete: request.getRetainondelete(),
    provider: request.getProvider() || providers(request),
    dependencies: request.getDependenciesList(),
    aliases: request.getAliasesList().map((alias) => alias.getUrn() || (alias.getSpec()?.getName() ?? "")),
    hooks: hooks(request),
  };
}

function hooks(request: RegisterRequest): string[] {
  const bound = request.getHooks();
  const moments = ["BeforeCreate", "AfterCreate", "BeforeUpdate", "AfterUpdate"];
  return moments
    .filter((moment) => (bound?.[`get${moment}List`]?.().length ?? 0) > 0)
    .map((moment) => moment.charAt(0).toLowerCase() + moment.slice(1));
}

function providers(request: RegisterRequest): string {
  const found: string[] = [];
  request.getProvidersMap().forEach((reference) => found.push(reference));
  return found.sort().join();
}

async function promised<T>(output: pulumi.Output<T>): Promise<pulumi.Unwrap<T>> {
  return await new Promise((done, failed) => {
    output.apply((value) => done(value as pulumi.Unwrap<T>));
    (output as unknown as { promise(): Promise<unknown> }).promise().catch(failed);
  });
}
