import type { Reel, ReelBinding, ReelStatus } from "../../../crds/index.ts";
import { findCondition, isConditionTrue, readiness, type Verdict } from "../../runtime/conditions.ts";
import { isSignedFormat, type ManifestSummary } from "../../manifests/index.ts";
import { nextTry } from "../next-try.ts";
import { knownReelReason, type ReelReason } from "../reasons.ts";
import { withRemedy } from "../remedies.ts";
import type { Inspection } from "./inspector.ts";

/** What a reel's status follows from. */
export interface ReelView {
  readonly reel: Reel;
  readonly binding: ReelBinding | undefined;
  /** Undefined when the last reading, which the status tells of, still holds. */
  readonly inspection: Inspection | undefined;
  /** Several accounts waited for it, and it is nobody's. */
  readonly contested?: boolean;
}

const ISSUERS_SHOWN = 10;

/** The status that a reel should have. */
export function reelStatus(view: ReelView, now: Date): ReelStatus {
  const { reel, binding, inspection } = view;
  const before = reel.status ?? {};
  const summary = summaryOf(inspection);
  const found =
    summary === undefined || isAnother(summary, binding)
      ? { ...contentsOf(before), ...boundContents(binding) }
      : describe(summary, reel);
  const verdict = judge(view);
  return {
    ...found,
    observedGeneration: reel.metadata.generation ?? 0,
    phase: phaseOf(binding, verdict),
    conditions: readiness(before.conditions, verdict, {
      observedGeneration: reel.metadata.generation ?? 0,
      now,
    }),
  };
}

/** Whether the status still tells of what the reel's spec names, so that nothing need be read again. */
export function isInspected(reel: Reel): boolean {
  return isCurrent(reel) && isConditionTrue(reel.status?.conditions, "Ready");
}

function phaseOf(
  binding: ReelBinding | undefined,
  { state, reason }: Verdict,
): "Pending" | "Available" | "Bound" {
  if (binding !== undefined) return "Bound";
  return state === "ready" || reason === "Contested" ? "Available" : "Pending";
}

function judge({ reel, binding, inspection, contested = false }: ReelView): Verdict<ReelReason> {
  // While it is read again, a manifest that was of use is taken to be so still, and what was wrong stays said.
  if (inspection?.state === "running" && !wasOfUse(reel)) {
    return (
      failureBefore(reel) ?? {
        state: "progressing",
        reason: "ReadingManifest",
        message: "the manifest is being read",
      }
    );
  }
  const summary = summaryOf(inspection);
  if (binding !== undefined && summary !== undefined && isAnother(summary, binding)) {
    return {
      state: "stalled",
      reason: "ManifestChanged",
      message: `the source now holds a manifest with SHA-256 ${summary.sha256}, but the reel was bound with ${binding.spec.manifestSha256}, and a bound reel's content is fixed. Put the earlier manifest back`,
    };
  }
  if (inspection?.state === "failed") {
    const { reason, message, retryAt } = inspection;
    const when = retryAt === undefined ? "" : nextTry(retryAt);
    return {
      state: retryAt === undefined ? "stalled" : "retrying",
      reason,
      message: withRemedy(reason, `${message}${when}`),
    };
  }
  if (binding !== undefined)
    return { state: "ready", reason: "Bound", message: "the reel is bound to an account" };
  if (contested) {
    return {
      state: "stalled",
      reason: "Contested",
      message: `several accounts waited for this reel, so none has it yet. Say whose it is with spec.reservedFor; kubectl get batch -A shows who asks for ${reel.spec.batchId}`,
    };
  }
  return { state: "ready", reason: "Available", message: "the manifest was read and the reel can be bound" };
}

/** Whether the status tells that the manifest which the spec names could be read and had devices in it. */
function wasOfUse(reel: Reel): boolean {
  return (
    isInspected(reel) ||
    (isCurrent(reel) && findCondition(reel.status?.conditions, "Ready")?.reason === "Contested")
  );
}

/** What the status says is wrong with the manifest that the spec names. */
function failureBefore(reel: Reel): Verdict<ReelReason> | undefined {
  const ready = findCondition(reel.status?.conditions, "Ready");
  if (!isCurrent(reel) || ready?.status !== "False") return undefined;
  const { message } = ready;
  const reason = knownReelReason(ready.reason);
  if (reason === undefined) return undefined;
  const stalled = findCondition(reel.status?.conditions, "Stalled")?.status === "True";
  return { state: stalled ? "stalled" : "retrying", reason, message };
}

function isCurrent(reel: Reel): boolean {
  const ready = findCondition(reel.status?.conditions, "Ready");
  return ready !== undefined && ready.observedGeneration === reel.metadata.generation;
}

function summaryOf(inspection: Inspection | undefined): ManifestSummary | undefined {
  return inspection === undefined || inspection.state === "running" ? undefined : inspection.summary;
}

/** Whether this is another manifest than the one that the reel was bound with. */
function isAnother({ sha256 }: ManifestSummary, binding: ReelBinding | undefined): boolean {
  return binding !== undefined && sha256 !== binding.spec.manifestSha256;
}

/** What stays true of a bound reel, whatever its source holds now. */
function boundContents(binding: ReelBinding | undefined): ReelStatus {
  if (binding === undefined) return {};
  const { devices, manifestSha256 } = binding.spec;
  return { devices, manifestSha256 };
}

function contentsOf({
  devices,
  quarantined,
  manifestSha256,
  issuers,
  earliestExpiry,
  signatures,
}: ReelStatus): ReelStatus {
  return {
    ...(devices === undefined ? {} : { devices }),
    ...(quarantined === undefined ? {} : { quarantined }),
    ...(manifestSha256 === undefined ? {} : { manifestSha256 }),
    ...(issuers === undefined ? {} : { issuers }),
    ...(earliestExpiry === undefined ? {} : { earliestExpiry }),
    ...(signatures === undefined ? {} : { signatures }),
  };
}

function describe(summary: ManifestSummary, reel: Reel): ReelStatus {
  const signatures = reel.spec.manifest.signers === undefined ? "NotVerified" : "Verified";
  return {
    devices: summary.devices,
    quarantined: {
      count: summary.refused,
      ...(summary.firstRefused.length === 0 ? {} : { first: summary.firstRefused }),
    },
    manifestSha256: summary.sha256,
    issuers: summary.issuers.slice(0, ISSUERS_SHOWN),
    ...(summary.earliestExpiry === undefined ? {} : { earliestExpiry: summary.earliestExpiry }),
    ...(isSignedFormat(summary.format) ? { signatures } : {}),
  };
}
