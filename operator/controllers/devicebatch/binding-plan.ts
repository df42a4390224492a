import type { DeviceBatch, Reel, ReelBinding } from "../../../crds/index.ts";
import { WAITED_FOR_REEL } from "../../../crds/index.ts";
import { nextTry } from "../next-try.ts";
import type { UnboundReason } from "../reasons.ts";
import { withRemedy } from "../remedies.ts";
import type { Inspection } from "../reel/inspector.ts";

/** What the question "is this batch's reel its own?" is answered from. */
export interface BindingView {
  readonly batch: DeviceBatch;
  readonly reel: Reel | undefined;
  readonly binding: ReelBinding | undefined;
  /** Whether the batch that the binding names is there (within the binding's account). */
  readonly holderExists: boolean;
  /** All batches, of any account, that name this reel; this one included. */
  readonly rivals: readonly DeviceBatch[];
  readonly inspection: Inspection | undefined;
}

/** The next step towards a bound batch. */
export type BindingStep =
  | { readonly do: "use"; readonly binding: ReelBinding }
  | { readonly do: "adopt"; readonly binding: ReelBinding }
  /** The manifest must be read first. */
  | { readonly do: "inspect" }
  | { readonly do: "claim"; readonly inspection: Extract<Inspection, { state: "ready" }> }
  /** Under way, and nothing is wrong. */
  | { readonly do: "progress"; readonly reason: UnboundReason; readonly message: string }
  /** Goes on by itself when something else comes about. `early`: the batch is one that was there before its reel. */
  | {
      readonly do: "wait";
      readonly reason: UnboundReason;
      readonly message: string;
      readonly early?: boolean;
    }
  /** Goes on only when a person changes something. */
  | { readonly do: "refuse"; readonly reason: UnboundReason; readonly message: string };

/** Decides the next step; it changes nothing and asks nobody. */
export function planBinding(view: BindingView): BindingStep {
  return view.binding === undefined ? planClaim(view) : planUse(view, view.binding);
}

function planUse({ batch, holderExists }: BindingView, binding: ReelBinding): BindingStep {
  const { namespace, name } = batch.metadata;
  const { account, batch: holder, certificateSlot } = binding.spec;
  if (account !== namespace) {
    // Whose it is, is nobody else's business.
    return {
      do: "refuse",
      reason: "AlreadyBound",
      message: `reel ${batch.spec.batchId} is already bound to another account, and a reel is bound once. If it should be yours, ask an administrator to release it there, and it is bound by itself; otherwise delete this batch`,
    };
  }
  if (binding.metadata.deletionTimestamp !== undefined) {
    return planReleased(batch, holderExists ? holder : undefined);
  }
  if (holder !== undefined && holder !== name && holderExists) {
    return {
      do: "refuse",
      reason: "AlreadyBound",
      message: `reel ${batch.spec.batchId} is already bound by DeviceBatch ${holder} of this account. Delete one of the two; when ${holder} goes, this one takes the reel over`,
    };
  }
  if (batch.spec.certificateSlot !== certificateSlot) {
    const message =
      certificateSlot === undefined
        ? "the reel was bound without a certificateSlot; take spec.certificateSlot out here"
        : `the reel was bound with certificateSlot ${certificateSlot}; set spec.certificateSlot to the same here`;
    return { do: "refuse", reason: "CertificateSlotChanged", message };
  }
  return holder === name ? { do: "use", binding } : { do: "adopt", binding };
}

/** A binding that is deleted goes when no batch uses it, and not before. */
function planReleased({ metadata, spec }: DeviceBatch, holder: string | undefined): BindingStep {
  const reason = "BindingReleased";
  if (holder === metadata.name) {
    const message = `the binding of reel ${spec.batchId}, which this batch uses, was deleted, so nothing more is sent. Delete this batch to release the reel`;
    return { do: "refuse", reason, message };
  }
  const when = holder === undefined ? "" : ` when DeviceBatch ${holder}, which uses it, is deleted`;
  return { do: "wait", reason, message: `the reel is being released${when}; it is bound anew after that` };
}

function planClaim({ batch, reel, rivals, inspection }: BindingView): BindingStep {
  const { batchId, suspend } = batch.spec;
  if (reel === undefined || reel.metadata.deletionTimestamp !== undefined) {
    return {
      do: "wait",
      reason: "ReelNotFound",
      early: true,
      message: `there is no Reel for batch ${batchId}; it is bound when one appears. Check the batch ID, or ask who keeps the reels to add Reel ${batchId.toLowerCase()}`,
    };
  }
  if (suspend === true) {
    const message =
      "spec.suspend of this batch is true: the reel is not bound, and not kept for it. Set it to false to bind the reel";
    return { do: "refuse", reason: "Suspended", message };
  }
  const { namespace } = batch.metadata;
  const reserved = reel.spec.reservedFor?.namespace;
  if (reserved !== undefined && reserved !== namespace) {
    return {
      do: "refuse",
      reason: "Reserved",
      message: `reel ${batchId} is reserved for another account. If it should be yours, ask who keeps the reels to change spec.reservedFor of Reel ${reel.metadata.name}, and it is bound by itself; otherwise delete this batch`,
    };
  }
  if (isContested(reel, rivals)) {
    return {
      do: "wait",
      reason: "Contested",
      early: waited(batch, reel),
      message: `several accounts waited for reel ${batchId}, so none has it yet. Ask who keeps the reels to say whose it is, with spec.reservedFor of Reel ${reel.metadata.name}; it is bound by itself then, or when only one account still asks for it`,
    };
  }
  return planByInspection(batchId, inspection);
}

function planByInspection(batchId: string, inspection: Inspection | undefined): BindingStep {
  if (inspection === undefined) return { do: "inspect" };
  if (inspection.state === "running") {
    return {
      do: "progress",
      reason: "ReadingManifest",
      message: `the manifest of reel ${batchId} is being read`,
    };
  }
  if (inspection.state === "failed" && inspection.reason === "SlotNotFound") {
    const { reason, message } = inspection;
    return { do: "refuse", reason, message: withRemedy(reason, message) };
  }
  if (inspection.state === "failed") {
    const when = inspection.retryAt === undefined ? "" : nextTry(inspection.retryAt);
    return {
      do: "wait",
      reason: "ReelNotReady",
      message: `the manifest of reel ${batchId} cannot be used: ${inspection.reason}: ${inspection.message}${when}. When who keeps the reels has mended that, the reel is bound by itself`,
    };
  }
  return { do: "claim", inspection };
}

/**
 * Whether several accounts waited for a reel before it was there, and it is reserved for none. Whose batch was
 * created after the reel did not wait: among those, and one account that waited, the first one has it.
 *
 * @param rivals all batches, of any account, that name this reel.
 */
export function isContested(reel: Reel, rivals: readonly DeviceBatch[]): boolean {
  if (reel.spec.reservedFor !== undefined) return false;
  const accounts = new Set(
    rivals
      .filter((batch) => batch.metadata.deletionTimestamp === undefined && waited(batch, reel))
      .map((batch) => batch.metadata.namespace),
  );
  return accounts.size > 1;
}

function waited(batch: DeviceBatch, reel: Reel): boolean {
  if (batch.metadata.annotations?.[WAITED_FOR_REEL] === "true") return true;
  const [since, there] = [batch.metadata.creationTimestamp, reel.metadata.creationTimestamp];
  return since !== undefined && there !== undefined && Date.parse(since) < Date.parse(there);
}
