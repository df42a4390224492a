import type { CloudApi } from "../../crds/index.ts";
import { InteropCaller, InteropError, type InteropTarget } from "../../interop/caller/caller.ts";
import { EgressPolicy } from "../../interop/egress/policy.ts";
import { endpointOf } from "../../operator/controllers/cloudapi/resolve.ts";
import { findCondition } from "../../operator/runtime/conditions.ts";
import { withDeadline } from "../../operator/runtime/deadline.ts";
import { followOne } from "../cluster/follow-one.ts";
import { atCluster, type Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { harmless, paintFor } from "../output/colour.ts";
import { wrapped } from "../output/progress.ts";

export interface CloudProbeOptions {
  /** Until the operator has found it ready. */
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** Nobody's token: what a callee says to it tells that it is one, and whether it asks for a good one. */
const NO_TOKEN: InteropTarget["auth"] = { kind: "bearer", token: () => Promise.resolve("probe") };

interface Seen {
  readonly good: boolean;
  readonly words: string;
}

/**
 * Tells whether a product cloud can be called: what the operator found, with the account's key, and what is found from
 * this machine, without one. Signing keys are read by nobody but the operator.
 */
export async function cloudProbe(
  context: Context,
  name: string,
  options: CloudProbeOptions,
): Promise<ExitCode> {
  return await atCluster(context, async (session) => {
    const { io, signal } = context;
    const { namespace } = session;
    const api = await session.cloudApis.find({ namespace, name }, signal);
    if (api === undefined) throw await noSuchCloud(session, name, signal);
    const url = endpointOf(api);
    const here = await fromHere(api, url, signal);
    const judged = options.wait === true ? await untilReady(context, session, api, options.timeout) : api;
    const operator = verdictOf(judged);
    const paint = paintFor(io.stdout, io);
    const width = Math.max(40, (io.stdout.columns ?? 100) - 12);
    const lines = [
      `${paint("bold", `${namespace}/${name}`)}  ${harmless(api.spec.displayName ?? "")}`.trimEnd(),
      `Address     ${harmless(url)}`,
      ...[["Operator", operator] as const, ["From here", here] as const].flatMap(([title, { good, words }]) =>
        wrapped(harmless(words), width).map((line, at) => {
          const text = paint(good ? "green" : "red", line);
          return `${(at === 0 ? title : "").padEnd(12)}${text}`;
        }),
      ),
    ];
    const { compatibilityVersion, capabilities = [] } = judged.status ?? {};
    if (compatibilityVersion !== undefined) {
      lines.push(
        `Protocol    version ${compatibilityVersion}${capabilities.length === 0 ? "" : `; ${capabilities.join(", ")}`}`,
      );
    }
    await io.stdout.write(`${lines.join("\n")}\n`);
    if (operator.good) return EXIT.ok;
    return here.good ? EXIT.needsPerson : EXIT.unreachable;
  });
}

/** What the operator says of the CloudApi as it is declared now. */
function verdictOf({ metadata, status, spec }: CloudApi): Seen {
  const ready = findCondition(status?.conditions, "Ready");
  if (spec.suspend === true) return { good: false, words: "suspended (spec.suspend): it is not called" };
  if (ready === undefined || status?.observedGeneration !== metadata.generation) {
    return { good: false, words: "not probed yet, as it is declared now" };
  }
  const words = `${ready.reason}: ${ready.message} (since ${ready.lastTransitionTime})`;
  return { good: ready.status === "True", words };
}

async function fromHere({ spec }: CloudApi, url: string, signal: AbortSignal): Promise<Seen> {
  const caller = new InteropCaller({ egress: new EgressPolicy({ allowCidrs: ["0.0.0.0/0", "::/0"] }) });
  const began = performance.now();
  const took = (): string => `${Math.round(performance.now() - began)} ms`;
  try {
    const target = {
      url,
      auth: NO_TOKEN,
      ...(spec.caBundle === undefined ? {} : { caBundle: spec.caBundle }),
    };
    await caller.info(target, signal);
    return { good: false, words: `it answers in ${took()}, and takes any token: it lets everybody in` };
  } catch (error) {
    if (!(error instanceof InteropError)) throw error;
    if (error.reason === "Unauthorized") {
      return { good: true, words: `it answers in ${took()}, and asks for credentials as it should` };
    }
    const words = `${error.reason}: ${error.message}. A cloud on a private network may be reached by the operator all the same`;
    return { good: false, words };
  } finally {
    await caller.close();
  }
}

async function untilReady(
  { io, signal }: Context,
  { cloudApis }: Session,
  api: CloudApi,
  ms = 60_000,
): Promise<CloudApi> {
  let last = api;
  const late = new Error("late");
  const watch = (inner: AbortSignal): Promise<CloudApi> =>
    followOne(
      io,
      cloudApis,
      api.metadata,
      (seen) => {
        last = seen ?? last;
        return verdictOf(last).good ? last : undefined;
      },
      inner,
    );
  try {
    return await withDeadline({ clock: io.clock, ms, signal, late: () => late }, watch);
  } catch (error) {
    if (error === late) return last;
    throw error;
  }
}

async function noSuchCloud(
  { cloudApis, namespace }: Session,
  name: string,
  signal: AbortSignal,
): Promise<CliError> {
  const { items } = await cloudApis.list({ namespace }, signal);
  const names = items.map(({ metadata }) => metadata.name).sort();
  const hint =
    names.length === 0 ? "There is none in it. Another namespace: -n NAME" : `There are: ${names.join(", ")}`;
  return new CliError(
    EXIT.notFound,
    `there is no CloudApi ${JSON.stringify(name)} in namespace ${namespace}`,
    hint,
  );
}
