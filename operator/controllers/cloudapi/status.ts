import type { CloudApi, CloudApiStatus } from "../../../crds/index.ts";
import type { InfoAnswer } from "../../../interop/caller/caller.ts";
import type { CloudApiReason } from "../reasons.ts";
import { withRemedy } from "../remedies.ts";
import { readiness, setCondition, removeCondition, type Verdict } from "../../runtime/conditions.ts";

/** How the last probe went. */
export type Probe =
  | {
      readonly passed: true;
      readonly info: InfoAnswer;
      /** The account's keys are being rotated, and this cloud knows only the one before. */
      readonly refusesNextKey?: boolean;
    }
  | {
      readonly passed: false;
      readonly reason: CloudApiReason;
      readonly message: string;
      readonly transient: boolean;
    };

export interface CloudApiView {
  readonly api: CloudApi;
  readonly endpoint: string | undefined;
  /** Undefined while suspended. */
  readonly probe: Probe | undefined;
  readonly devicesProvisioned: number;
  /** Names of the namespace's other CloudApis that say default, when this one does too. */
  readonly otherDefaults: readonly string[];
}

/** The status that a CloudApi should have. */
export function cloudApiStatus(view: CloudApiView, now: Date): CloudApiStatus {
  const { api, probe, endpoint, devicesProvisioned } = view;
  const before = api.status;
  const at = { observedGeneration: api.metadata.generation ?? 0, now };
  const told = probe?.passed === true ? probe.info : before;
  const conditions = defaultCondition(view, readiness(before?.conditions, judge(view), at), now);
  return {
    observedGeneration: api.metadata.generation ?? 0,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(told?.compatibilityVersion === undefined ? {} : { compatibilityVersion: told.compatibilityVersion }),
    ...(told?.capabilities === undefined ? {} : { capabilities: told.capabilities }),
    devicesProvisioned,
    conditions,
  };
}

/** The status of a CloudApi that is deleted and may not go yet: as it was, but for why. */
export function heldStatus(
  api: CloudApi,
  reason: CloudApiReason,
  message: string,
  now: Date,
): CloudApiStatus {
  const at = { observedGeneration: api.metadata.generation ?? 0, now };
  const conditions = readiness(api.status?.conditions, { state: "stalled", reason, message }, at);
  return { ...api.status, observedGeneration: at.observedGeneration, conditions };
}

/** The end of `Ready`'s message while a key rotation waits for this cloud. */
export const NEXT_KEY =
  "; it does not accept the account's next signing key yet: give it the key set in ConfigMap certferry-jwks of this namespace, which holds both";

function judge({ api, probe, endpoint }: CloudApiView): Verdict<CloudApiReason> {
  if (api.spec.suspend === true || probe === undefined) {
    return {
      state: "stalled",
      reason: "Suspended",
      message: "spec.suspend is true: nothing is sent to this cloud",
    };
  }
  if (probe.passed) {
    const { compatibilityVersion } = probe.info;
    return {
      state: "ready",
      reason: "Connected",
      message: `${endpoint ?? "the cloud"} answered and speaks interop version ${compatibilityVersion}${probe.refusesNextKey === true ? NEXT_KEY : ""}`,
    };
  }
  // Every probe is repeated by itself: credentials and addresses get mended on the other side too.
  const message = withRemedy(probe.reason, `${probe.message}; it is asked again within a minute`);
  return { state: "retrying", reason: probe.reason, message };
}

/** `Default` says whether automatic provisioning goes here; it is there only where `spec.default` is set. */
function defaultCondition(
  { api, otherDefaults }: CloudApiView,
  conditions: NonNullable<CloudApiStatus["conditions"]>,
  now: Date,
): NonNullable<CloudApiStatus["conditions"]> {
  if (api.spec.default !== true) return removeCondition(conditions, "Default");
  const only = otherDefaults.length === 0;
  return setCondition(
    conditions,
    {
      type: "Default",
      status: only ? "True" : "False",
      reason: only ? "OnlyDefault" : "AmbiguousDefault",
      message: only
        ? "batches of this account that name no cloud are provisioned here"
        : `spec.default is true on ${otherDefaults.join(", ")} too, so that no default is used; set it on one only`,
      observedGeneration: api.metadata.generation ?? 0,
    },
    now,
  );
}
