import { ACCOUNT_LABEL, kinds } from "../../../crds/index.ts";
import { progressOf } from "../../../desk/progress.ts";
import { findCondition } from "../../../operator/runtime/conditions.ts";
import { isNotFound } from "../../../operator/runtime/api-error.ts";
import { notYetAccepting, publishedIn } from "../../cluster/published-keys.ts";
import { accountState } from "../../cluster/account.ts";
import { count, some } from "../../output/words.ts";
import type { Session } from "../../cluster/session.ts";
import type { Check, Patient } from "./finding.ts";

/** Kubernetes promises policies in CEL from here on, which the admission policies need. */
const OLDEST_MINOR = 30;
const CLOCK_TOLERANCE_MS = 30_000;
const CLOCK_LIMIT_MS = 120_000;
/** A lease is renewed every two seconds, and lost after fifteen. */
const LEASE_FRESH_MS = 40_000;

const LEASE = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
} as const;

interface Lease {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec?: { holderIdentity?: string; renewTime?: string };
}

const cluster: Check = {
  name: "cluster",
  async look({ session, signal }) {
    const version = (await session.client.request({ method: "GET", path: "/version" }, signal)) as {
      gitVersion?: string;
      major?: string;
      minor?: string;
    };
    const minor = Number((version.minor ?? "").replace(/\D.*$/, ""));
    const words = `Kubernetes ${version.gitVersion ?? "?"}, context ${session.chosen.context}, namespace ${session.namespace}`;
    if (version.major === "1" && minor < OLDEST_MINOR) {
      return {
        state: "bad",
        message: `${words}: too old`,
        hint: `Certferry needs Kubernetes 1.${OLDEST_MINOR} or newer`,
      };
    }
    return { state: "good", message: words };
  },
};

const clocks: Check = {
  name: "clocks",
  async look({ session, signal, now }) {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const before = now();
    const { metadata } = (await session.client.request({ method: "POST", path, body }, signal)) as {
      metadata?: { creationTimestamp?: string };
    };
    const theirs = Date.parse(metadata?.creationTimestamp ?? "");
    if (Number.isNaN(theirs)) return { state: "unknown", message: "the cluster does not tell its time" };
    // The cluster tells whole seconds, at some moment between the question and the answer.
    const apart = Math.max(0, before - theirs - 1_000, theirs - now());
    const words =
      apart === 0
        ? "this machine and the cluster agree"
        : `this machine and the cluster are ${Math.round(apart / 1000)} s apart`;
    if (apart <= CLOCK_TOLERANCE_MS) return { state: "good", message: words };
    const hint = "Tokens and certificates are judged by the clock: have both set by NTP";
    return { state: apart > CLOCK_LIMIT_MS ? "bad" : "warning", message: words, hint };
  },
};

const definitions: Check = {
  name: "kinds",
  async look({ session, signal }) {
    const { group, version } = kinds.Reel;
    try {
      const path = `/apis/${group}/${version}`;
      const { resources = [] } = (await session.client.request({ method: "GET", path }, signal)) as {
        resources?: { name: string }[];
      };
      const served = new Set(resources.map(({ name }) => name));
      const missing = Object.values(kinds).filter(({ plural }) => !served.has(plural));
      if (missing.length === 0) return { state: "good", message: `all of ${group}/${version}` };
      const names = missing.map(({ plural }) => `${plural}.${group}`).join(", ");
      return {
        state: "bad",
        message: `not served: ${names}`,
        hint: "Apply the CRDs of this version (docs/install.md)",
      };
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const hint = "Install it (docs/install.md), or choose another cluster with --context";
      return { state: "bad", message: "Certferry is not installed in this cluster", hint };
    }
  },
};

const operator: Check = {
  name: "operator",
  async look({ session, signal, now, operatorNamespace: namespace }) {
    const leases = session.client.resource<Lease>(LEASE);
    const lease = await leases.find({ namespace, name: "certferry-operator" }, signal);
    if (lease === undefined) {
      const hint = `Is it in another namespace (--operator-namespace)? kubectl get deployment -n ${namespace}`;
      return { state: "bad", message: `no operator leads in namespace ${namespace}`, hint };
    }
    const silent = now() - Date.parse(lease.spec?.renewTime ?? "");
    const holder = lease.spec?.holderIdentity ?? "";
    if (holder !== "" && silent < LEASE_FRESH_MS)
      return { state: "good", message: `${holder.split("_")[0] ?? ""} leads` };
    const since = Number.isNaN(silent) ? "" : ` since ${Math.round(silent / 1000)} s`;
    return {
      state: "bad",
      message: `no operator leads${since}`,
      hint: `kubectl get pods -n ${namespace}; its log says why`,
    };
  },
};

const account: Check = {
  name: "account",
  async look({ session, signal, program }) {
    const { namespace } = session;
    const state = await accountState(session, signal);
    if (state === "absent") {
      return {
        state: "bad",
        message: `there is no namespace ${namespace}`,
        hint: `Choose the account: -n NAME. To make this one: ${program} keys init -n ${namespace}`,
      };
    }
    const published = await publishedIn(session, signal);
    if (published !== undefined && published.kids.length > 1) {
      const clouds = (await notYetAccepting(session, signal)).join(", ");
      return {
        state: "warning",
        message: `the keys of account ${namespace} are being rotated; the next one is ${clouds === "" ? "accepted through all clouds" : `not yet accepted through ${clouds}`}`,
        hint: `Give both to its clouds: ${program} keys show -n ${namespace}`,
      };
    }
    if (published !== undefined && state === "unlabelled" && (await hasNoCloud(session, signal))) {
      return {
        state: "warning",
        message: `namespace ${namespace} is not labelled as an account, and has no CloudApi: batches alone made it one`,
        hint: `If it is one: kubectl label namespace ${namespace} ${ACCOUNT_LABEL}=true. If it is not, its batches are in the wrong place: ${program} status -n ${namespace}`,
      };
    }
    if (published !== undefined)
      return { state: "good", message: `the key of account ${namespace} is published` };
    return {
      state: "warning",
      message: `namespace ${namespace} has no published key: it is no account yet`,
      hint: `Make it one: ${program} keys init -n ${namespace}; or choose another: -n NAME`,
    };
  },
};

async function hasNoCloud({ cloudApis, namespace }: Session, signal: AbortSignal): Promise<boolean> {
  return (await cloudApis.list({ namespace }, signal)).items.length === 0;
}

const clouds: Check = {
  name: "clouds",
  async look({ session, signal, program }) {
    const { namespace } = session;
    const { items } = await session.cloudApis.list({ namespace }, signal);
    if (items.length === 0)
      return {
        state: "warning",
        message: `account ${namespace} has no CloudApi`,
        hint: "docs/tasks/connect-a-cloud.md",
      };
    const findings = items
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .map(({ metadata, status, spec }) => {
        const { name } = metadata;
        const ready = findCondition(status?.conditions, "Ready");
        if (ready?.status === "True") return { state: "good" as const, message: `${name}: ${ready.reason}` };
        const hint = `${program} cloud probe ${name} -n ${namespace}`;
        if (spec.suspend === true) return { state: "warning" as const, message: `${name} is suspended` };
        return {
          state: "bad" as const,
          message: `${name}: ${ready === undefined ? "not probed yet" : `${ready.reason}: ${ready.message}`}`,
          hint,
        };
      });
    const defaults = items.filter(({ spec }) => spec.default === true).map(({ metadata }) => metadata.name);
    if (defaults.length <= 1) return findings;
    const message = `several defaults, so none is used: ${defaults.join(", ")}`;
    return [...findings, { state: "bad" as const, message, hint: "Leave spec.default on one" }];
  },
};

const batches: Check = {
  name: "batches",
  async look({ session, signal, program }) {
    const { namespace } = session;
    const { items } = await session.batches.list({ namespace }, signal);
    const stalled = items.filter((batch) => progressOf(batch).standing === "stalled");
    const waiting = items.map(progressOf).filter(({ standing }) => standing === "waiting");
    const reasons = [...Map.groupBy(waiting, ({ reason }) => reason)].map(
      ([reason, those]) => `${count(those.length)} ${reason}`,
    );
    const held = {
      state: "warning" as const,
      message: `${some(waiting.length, "batch is", "batches are")} waiting: ${reasons.join(", ")}`,
      hint: `They go on by themselves when what they wait for is there: ${program} status -n ${namespace} -o wide`,
    };
    if (stalled.length === 0) {
      if (waiting.length > 0) return held;
      return {
        state: "good",
        message: `${some(items.length, "batch", "batches")}, none of which needs a person`,
      };
    }
    const findings = stalled.slice(0, 10).map((batch) => {
      const { reason, message } = progressOf(batch);
      const { name } = batch.metadata;
      return {
        state: "bad" as const,
        message: `${name}: ${reason}: ${message}`,
        hint: `${program} status ${name} -n ${namespace}`,
      };
    });
    return waiting.length === 0 ? findings : [...findings, held];
  },
};

/** What people do, and the right that it takes. */
const DEEDS: readonly { deed: string; verb: string; resource: string; scope: "account" | "cluster" }[] = [
  { deed: "look", verb: "list", resource: "devicebatches", scope: "account" },
  { deed: "bind", verb: "create", resource: "devicebatches", scope: "account" },
  { deed: "provision", verb: "patch", resource: "devicebatches", scope: "account" },
  { deed: "choose clouds", verb: "use", resource: "cloudapis", scope: "account" },
  { deed: "connect clouds", verb: "create", resource: "cloudapis", scope: "account" },
  { deed: "declare reels", verb: "create", resource: "reels", scope: "cluster" },
  {
    deed: "read the records (devices, manifest)",
    verb: "list",
    resource: "provisioningledgers",
    scope: "cluster",
  },
];

const rights: Check = {
  name: "rights",
  async look(patient) {
    const may: string[] = [];
    const mayNot: string[] = [];
    for (const deed of DEEDS) ((await isAllowed(patient, deed)) ? may : mayNot).push(deed.deed);
    const words = `you may ${may.length === 0 ? "do nothing here" : may.join(", ")}`;
    if (mayNot.length === 0) return { state: "good", message: words };
    return {
      state: may.includes("look") ? "good" : "bad",
      message: `${words}; not ${mayNot.join(", ")}`,
      ...(may.includes("look")
        ? {}
        : { hint: "Ask an administrator for certferry-viewer at least (docs/access.md)" }),
    };
  },
};

async function isAllowed(
  { session, signal }: Patient,
  { verb, resource, scope }: (typeof DEEDS)[number],
): Promise<boolean> {
  const namespace = scope === "account" ? { namespace: session.namespace } : {};
  const review = (await session.client.request(
    {
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes: { group: kinds.Reel.group, resource, verb, ...namespace } },
      },
    },
    signal,
  )) as { status?: { allowed?: boolean } };
  return review.status?.allowed === true;
}

/** In the order in which what comes first explains what comes later. */
export const CHECKS: readonly Check[] = [
  cluster,
  clocks,
  definitions,
  rights,
  operator,
  account,
  clouds,
  batches,
];
