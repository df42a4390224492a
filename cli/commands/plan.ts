import { API_VERSION, type CloudApi, type DeviceBatchInput, kinds, type Reel } from "../../crds/index.ts";
import {
  type BatchPlan,
  planBatches,
  type PlanView,
  planTargets,
  type TargetPlan,
} from "../../desk/plan/plan.ts";
import { reelNameFor } from "../../desk/batch-id.ts";
import { apiPath, type KubeObject } from "../../operator/runtime/objects.ts";
import { atCluster, type Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { explain, isRefusal } from "../errors.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { harmless, paintFor } from "../output/colour.ts";
import { valueText } from "../output/objects.ts";
import { tableLines } from "../output/table.ts";
import { count, duration, some } from "../output/words.ts";
import { objectsFrom } from "./plan-files.ts";

export interface PlanOptions {
  readonly filename: readonly string[];
  /** `CLOUD=N`. */
  readonly rate?: readonly string[];
  readonly output?: "json" | "yaml";
  readonly operatorNamespace: string;
}

/** What the cluster said to one object, asked with a dry run. */
interface Checked {
  readonly object: string;
  readonly accepted: boolean;
  readonly message?: string;
}

/** Tells what applying files would do, without applying them: what is bound and sent, how long it takes, what is refused. */
export async function plan(context: Context, options: PlanOptions): Promise<ExitCode> {
  const rates = new Map((options.rate ?? []).map(rateFrom));
  const given: KubeObject[] = [];
  for (const file of options.filename) given.push(...(await objectsFrom(file, context)));
  if (given.length === 0)
    throw new CliError(EXIT.usage, `there is no object in ${options.filename.join(", ")}`);
  return await atCluster(context, async (session) => {
    const { io, signal } = context;
    const objects = given.map((object) => placed(object, session.namespace));
    const checks: Checked[] = [];
    for (const object of objects) checks.push(await check(session, object, signal));
    // Of what the cluster would not take there is nothing more to say.
    const taken = objects.filter((_object, at) => checks[at]?.accepted === true);
    const wanted = ofKind<DeviceBatchInput>(taken, "DeviceBatch");
    const view = await viewOf(context, session, { objects, wanted, rates, options });
    const batches = planBatches(wanted, view);
    const targets = planTargets(batches, view);
    const refused = checks.some(({ accepted }) => !accepted) || batches.some(({ step }) => step === "refuse");
    if (options.output !== undefined) {
      await io.stdout.write(valueText({ objects: checks, batches, targets }, options.output));
    } else await io.stdout.write(textFor(context, { checks, batches, targets }));
    return refused ? EXIT.refused : EXIT.ok;
  });
}

function rateFrom(text: string): [string, number] {
  const [, cloud, number] = /^([^=]+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  const rate = Number(number);
  if (cloud !== undefined && rate > 0) return [cloud, rate];
  throw new CliError(
    EXIT.usage,
    `${text} is no rate`,
    "Give a CloudApi's name and devices a second: --rate aws-eu=50",
  );
}

const KNOWN = [kinds.Reel, kinds.CloudApi, kinds.DeviceBatch];

function kindOf(object: KubeObject): (typeof KNOWN)[number] | undefined {
  return KNOWN.find(({ kind }) => kind === object.kind && object.apiVersion === API_VERSION);
}

function placed(object: KubeObject, namespace: string): KubeObject {
  if (kindOf(object)?.namespaced !== true || object.metadata.namespace !== undefined) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}

function ofKind<T>(objects: readonly KubeObject[], kind: string): T[] {
  return objects.filter((object) => object.kind === kind && kindOf(object) !== undefined) as T[];
}

/** Schema, rules, policies and rights, by those who decide. What is not Certferry's is passed over. */
async function check({ client }: Session, object: KubeObject, signal: AbortSignal): Promise<Checked> {
  const kind = kindOf(object);
  const { namespace, name } = object.metadata;
  const words = `${object.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
  if (kind === undefined) return { object: words, accepted: true, message: "not Certferry's: not looked at" };
  const at = namespace === undefined ? {} : { namespace };
  const query = { dryRun: "All", fieldManager: "certferry-plan" };
  try {
    // Who may create and not change (certferry-binder) is not asked for more than applying would need.
    const there = await client.resource(kind).find({ name, ...at }, signal);
    await client.request(
      there === undefined
        ? { method: "POST", path: apiPath(kind, at), query, body: object }
        : {
            method: "PATCH",
            path: apiPath(kind, { name, ...at }),
            query: { ...query, force: "true" },
            contentType: "application/apply-patch+yaml",
            body: object,
          },
      signal,
    );
    return { object: words, accepted: true };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const { message, hint } = explain(error);
    return { object: words, accepted: false, message: hint === undefined ? message : `${message}. ${hint}` };
  }
}

async function viewOf(
  context: Context,
  session: Session,
  o: {
    objects: readonly KubeObject[];
    wanted: readonly DeviceBatchInput[];
    rates: ReadonlyMap<string, number>;
    options: PlanOptions;
  },
): Promise<PlanView> {
  const { signal } = context;
  const { objects, wanted, rates } = o;
  const { operatorNamespace } = o.options;
  const reels: Reel[] = [];
  const first = Map.groupBy(wanted, ({ spec }) => reelNameFor(spec.batchId));
  for (const [name, [batch]] of first) {
    const there = await session.reels.find({ name }, signal);
    const given = ofKind<Reel>(objects, "Reel").find(({ metadata }) => metadata.name === name);
    // What is there was read already; what is given says whose it is.
    if (there !== undefined) reels.push(given === undefined ? there : { ...there, spec: given.spec });
    else if (given !== undefined && batch !== undefined) {
      const { readPlanned } = await import("./plan-reels.ts");
      const planned = { reel: given, batch, given: objects, operatorNamespace };
      reels.push(await readPlanned(context, session, planned));
    }
  }
  const cloudApis: CloudApi[] = [];
  const batches: PlanView["batches"][number][] = [];
  for (const namespace of new Set(wanted.map(({ metadata }) => metadata.namespace))) {
    const given = ofKind<CloudApi>(objects, "CloudApi").filter(
      ({ metadata }) => metadata.namespace === namespace,
    );
    const there = (await session.cloudApis.list({ namespace }, signal)).items;
    for (const api of there) {
      const changed = given.find(({ metadata }) => metadata.name === api.metadata.name);
      cloudApis.push(changed === undefined ? api : { ...api, spec: changed.spec });
    }
    cloudApis.push(
      ...given.filter(({ metadata }) => !there.some((api) => api.metadata.name === metadata.name)),
    );
    batches.push(...(await session.batches.list({ namespace }, signal)).items);
  }
  return { reels, cloudApis, batches, rates };
}

function textFor(
  { io }: Context,
  o: { checks: readonly Checked[]; batches: readonly BatchPlan[]; targets: readonly TargetPlan[] },
): string {
  const paint = paintFor(io.stdout, io);
  const width = io.stdout.columns;
  const refused = o.checks.filter(({ accepted }) => !accepted);
  const parts: string[] = [];
  if (refused.length > 0) {
    const lines = refused.map(({ object, message = "" }) => `  ${harmless(`${object}: ${message}`)}`);
    parts.push([paint("red", "The cluster would refuse:"), ...lines].join("\n"));
  }
  if (o.batches.length > 0) {
    const { header, rows } = tableLines(
      [
        { title: "BATCH", of: ({ namespace, name }: BatchPlan) => `${namespace}/${name}` },
        { title: "REEL", of: ({ batchId }) => batchId },
        { title: "STEP", of: ({ step }) => step },
        { title: "DEVICES", of: ({ devices }) => (devices === undefined ? "?" : count(devices)) },
        {
          title: "SENDS",
          of: ({ clouds }) =>
            clouds
              .map(({ cloud, toSend }) => `${cloud} ${toSend === undefined ? "?" : count(toSend)}`)
              .join(", ") || "-",
        },
        { title: "BECAUSE", of: becauseOf, shrinksTo: 20 },
      ],
      o.batches,
      width,
    );
    parts.push([paint("bold", header), ...rows].join("\n"));
  }
  for (const { clouds, devices, others, open, perSecond, basis, seconds } of o.targets) {
    if (devices === 0 && !open) continue;
    const pace = perSecond === undefined ? "" : ` at ${count(perSecond)}/s`;
    const time = seconds === undefined ? "" : `: about ${duration(seconds)}`;
    const more = open ? ", and those of manifests that are not read yet" : "";
    const beside = others === 0 ? "" : `, beside ${count(others)} that other batches are sending there`;
    const what = `${some(devices, "device")}${more}${beside}`;
    parts.push(harmless(`${clouds.join(", ")}: ${what}${pace}${time} (${basis})`));
  }
  return `${parts.join("\n\n")}\nNothing was applied.\n`;
}

function becauseOf({ reason, message, clouds }: BatchPlan): string {
  const own = reason === undefined ? [] : [`${reason}: ${message ?? ""}`];
  const blocked = clouds.flatMap(({ cloud, blocked }) =>
    blocked === undefined ? [] : [`${cloud}: ${blocked}`],
  );
  return [...own, ...blocked].join("; ") || "-";
}
