import { GROUP } from "../../crds/index.ts";
import { OPERATOR } from "./names.ts";

/** A rule of a Role or ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** What the operator does to what belongs to no account: test/install holds that it is all used, and suffices. */
export const CLUSTER_RULES: readonly Rule[] = [
  { apiGroups: [GROUP], resources: ["reels"], verbs: ["get", "list", "watch"] },
  { apiGroups: [GROUP], resources: ["reels/status"], verbs: ["update"] },
  {
    apiGroups: [GROUP],
    resources: ["reelbindings"],
    verbs: ["get", "list", "watch", "create", "update", "patch"],
  },
  {
    apiGroups: [GROUP],
    resources: ["provisioningledgers"],
    verbs: ["list", "watch", "create", "update", "delete"],
  },
];

/** What it does in an account. Secrets are read by name alone: never listed, never watched. */
export const ACCOUNT_RULES: readonly Rule[] = [
  { apiGroups: [GROUP], resources: ["cloudapis"], verbs: ["list", "watch", "patch"] },
  { apiGroups: [GROUP], resources: ["devicebatches"], verbs: ["get", "list", "watch", "patch"] },
  { apiGroups: [GROUP], resources: ["cloudapis/status", "devicebatches/status"], verbs: ["update"] },
  {
    apiGroups: [""],
    resources: ["configmaps"],
    resourceNames: ["certferry-jwks"],
    verbs: ["get", "create", "patch"],
  },
  { apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
];

/** Events about what belongs to no account are in the namespace `default`. */
export const EVENT_RULES: readonly Rule[] = [
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/**
 * In the operator's own namespace: its lease, the accounts' signing keys, and what Reels name.
 * @param readSecrets the verbs of reading Secrets: none where {@link ACCOUNT_RULES} hold in every namespace
 */
export const ownRules = (readSecrets: readonly string[]): readonly Rule[] => [
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: [OPERATOR],
    verbs: ["get", "update"],
  },
  { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["secrets"], verbs: [...readSecrets, "create", "update"] },
];

/** Of namespaces: which are accounts, and which are going. */
export const NAMESPACE_VERBS = ["list", "watch"] as const;
