import type { DeviceBatch, ReelBinding } from "../../../crds/index.ts";
import { API_VERSION, BINDING_LISTS, FINALIZER } from "../../../crds/index.ts";
import { ApiError, isAlreadyExists } from "../../runtime/api-error.ts";
import type { Clock } from "../../runtime/clock.ts";
import { findCondition, formatTime } from "../../runtime/conditions.ts";
import { type Cluster, isForReel, namespaced, reelNameOf } from "../cluster.ts";
import type { Inspection, ReelInspector } from "../reel/inspector.ts";
import { type BindingStep, type BindingView, planBinding } from "./binding-plan.ts";
import { shorten } from "./shorten.ts";

export interface ClaimDeps {
  readonly cluster: Cluster;
  readonly inspector: Pick<ReelInspector, "inspection">;
  readonly clock: Clock;
}

/** How a claim ended: with the batch's binding, or with why there is none. */
export type Claim =
  | { readonly binding: ReelBinding; readonly how: "bound" | "takenUp" | "had" }
  | Extract<BindingStep, { do: "progress" | "wait" | "refuse" }>;

/**
 * Makes a reel the batch's own, or says why not. To create the ReelBinding is to bind: the API server admits
 * one object of a name, so of several that try at once, one wins, and the others read who.
 */
export async function claim(batch: DeviceBatch, deps: ClaimDeps, signal: AbortSignal): Promise<Claim> {
  const { cluster } = deps;
  const name = reelNameOf(batch.spec.batchId);
  const view = await observe(batch, name, deps, signal);
  let adopted = false;
  // Each turn takes one step; a lost race adds a turn. More would mean that others keep changing the binding.
  for (let turn = 0; turn < 5; turn += 1) {
    const step = planBinding(view);
    switch (step.do) {
      case "use":
        return { binding: step.binding, how: adopted ? "takenUp" : "had" };
      case "progress":
      case "wait":
      case "refuse":
        return step;
      case "inspect":
        if (view.reel === undefined) throw new Error("a reel that is not there cannot be inspected");
        view.inspection = deps.inspector.inspection(view.reel, undefined, batch.spec.certificateSlot);
        break;
      case "adopt": {
        const facts = await adopt(batch, step.binding, cluster, signal);
        if ("do" in facts) return facts;
        Object.assign(view, facts);
        adopted = true;
        break;
      }
      case "claim": {
        const made = await create(batch, step.inspection, deps, signal);
        if (made !== undefined) return "do" in made ? made : { binding: made, how: "bound" };
        Object.assign(view, await readBinding(batch, name, cluster, signal));
        break;
      }
    }
  }
  return {
    do: "progress",
    reason: "BindingChanging",
    message: "the reel's binding keeps changing; it is looked at again",
  };
}

async function observe(
  batch: DeviceBatch,
  name: string,
  deps: ClaimDeps,
  signal: AbortSignal,
): Promise<{ -readonly [K in keyof BindingView]: BindingView[K] }> {
  const { cluster } = deps;
  const binding = cluster.bindings.cache.get(name);
  const cached = cluster.reels.cache.get(name);
  // A cache that lags must not say that a reel is missing, for that makes the batch one that waited. Who was
  // told so before need not be asked for again: the reel's coming is watched.
  const told = findCondition(batch.status?.conditions, "Bound")?.reason === "ReelNotFound";
  const ask = cached === undefined && binding === undefined && !told;
  const reel = ask ? await cluster.reels.client.find({ name }, signal) : cached;
  return {
    batch,
    reel,
    binding,
    holderExists: holderIn(batch, binding, cluster),
    rivals: cluster.batches.cache.byIndex("reel", name),
    inspection: undefined,
  };
}

function holderIn(batch: DeviceBatch, binding: ReelBinding | undefined, cluster: Cluster): boolean {
  const holder = binding?.spec.batch;
  if (binding === undefined || holder === undefined) return false;
  const held = cluster.batches.cache.get(namespaced(batch.metadata.namespace, holder));
  return isForReel(held, binding.metadata.name);
}

type BindingFacts = Pick<BindingView, "binding" | "holderExists">;

async function readBinding(
  batch: DeviceBatch,
  name: string,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<BindingFacts> {
  const binding = await cluster.bindings.client.find({ name }, signal);
  if (binding !== undefined) cluster.bindings.cache.observe(binding);
  return { binding, holderExists: await holderNow(batch, binding, cluster, signal) };
}

async function holderNow(
  batch: DeviceBatch,
  binding: ReelBinding | undefined,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<boolean> {
  const holder = binding?.spec.batch;
  if (holder === undefined || binding?.spec.account !== batch.metadata.namespace) return false;
  const { namespace } = batch.metadata;
  const held = await cluster.batches.client.find({ namespace, name: holder }, signal);
  return isForReel(held, binding.metadata.name);
}

/** Takes up a reel that the account has and no batch uses. Asks the API server itself whether that is so. */
async function adopt(
  batch: DeviceBatch,
  binding: ReelBinding,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<BindingFacts | Wait> {
  const { name } = batch.metadata;
  if (await holderNow(batch, binding, cluster, signal)) return { binding, holderExists: true };
  // The resource version of what was planned from is the precondition: a rival's adoption makes a conflict.
  try {
    const adopted = await cluster.bindings.client.update(
      { ...binding, spec: { ...binding.spec, batch: name } },
      signal,
    );
    cluster.bindings.cache.observe(adopted);
    return { binding: adopted, holderExists: true };
  } catch (error) {
    const refused = refusedBy(error);
    if (refused === undefined) throw error;
    return refused;
  }
}

async function create(
  batch: DeviceBatch,
  { summary, evaluatedAt }: Extract<Inspection, { state: "ready" }>,
  { cluster, clock }: ClaimDeps,
  signal: AbortSignal,
): Promise<ReelBinding | Wait | undefined> {
  const { certificateSlot } = batch.spec;
  const binding: ReelBinding = {
    apiVersion: API_VERSION,
    kind: "ReelBinding",
    metadata: { name: reelNameOf(batch.spec.batchId), finalizers: [FINALIZER] },
    spec: {
      account: batch.metadata.namespace,
      batchId: batch.spec.batchId,
      batch: batch.metadata.name,
      boundAt: formatTime(new Date(clock.now())),
      evaluatedAt: formatTime(evaluatedAt),
      manifestSha256: summary.sha256,
      devices: summary.devices,
      records: summary.records,
      ...listed("issuers", summary.issuers),
      ...listed("keyTypes", summary.keyTypes),
      ...(certificateSlot === undefined ? {} : { certificateSlot }),
    },
  };
  try {
    const created = await cluster.bindings.client.create(binding, signal);
    cluster.bindings.cache.observe(created);
    return created;
  } catch (error) {
    const refused = refusedBy(error);
    if (refused !== undefined) return refused;
    if (isAlreadyExists(error)) return undefined;
    throw error;
  }
}

/** All of them, or nothing: a rule must not take a part for the whole. */
function listed(field: "issuers" | "keyTypes", values: readonly string[]): Partial<ReelBinding["spec"]> {
  return values.length > BINDING_LISTS ? {} : { [field]: [...values] };
}

type Wait = Extract<BindingStep, { do: "wait" }>;

/** What a batch waits for that an admission policy or webhook said no to, in its words; undefined for every other error. */
function refusedBy(error: unknown): Wait | undefined {
  // Which of the 4xx it is, is up to the rule.
  if (!(error instanceof ApiError) || error.status < 400 || error.status >= 500) return undefined;
  const [, words, unexplained] =
    / denied (?:the )?request: (.*)$|(admission webhook "[^"]*" denied the request without explanation)/su.exec(
      error.message,
    ) ?? [];
  const told = words ?? unexplained;
  if (told === undefined) return undefined;
  const message = `a rule of this cluster does not admit the binding: ${shorten(told.trim(), 1024)}. It is asked again by itself`;
  return { do: "wait", reason: "NotAllowed", message };
}
