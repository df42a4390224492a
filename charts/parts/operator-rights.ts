import { Construct } from "constructs";
import type { Condition, Manifest, Source } from "../source/source.ts";
import { ACCOUNTS_ROLE, OPERATOR, RBAC } from "./names.ts";
import { ACCOUNT_RULES, CLUSTER_RULES, EVENT_RULES, NAMESPACE_VERBS, ownRules, type Rule } from "./rules.ts";

const SOME: Condition = { set: "watchNamespaces" };
const ALL: Condition = { not: SOME };

/** The operator's ServiceAccount, and what it may do: everywhere, or in the accounts that it serves. */
export class OperatorRights extends Construct {
  readonly #source: Source;

  constructor(scope: Construct, id: string, source: Source) {
    super(scope, id);
    this.#source = source;
    const { namespace } = source;
    source.place(this, "account", {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: {
        name: OPERATOR,
        namespace,
        annotations: source.block("serviceAccountAnnotations") as Record<string, string> | undefined,
      },
      // The pod says that it wants the token; whatever else uses the account does not get it unasked.
      automountServiceAccountToken: false,
    });
    this.#clusterWide(OPERATOR, CLUSTER_RULES);
    this.#within(namespace, OPERATOR, ownRules(source.entry(SOME, "get")));
    source.place(this, "accounts", role("ClusterRole", ACCOUNTS_ROLE, [...ACCOUNT_RULES, ...EVENT_RULES]));
    this.#everywhere();
    this.#inAccounts();
  }

  /** Without a list of accounts: all namespaces. */
  #everywhere(): void {
    const name = `${OPERATOR}-namespaces`;
    const rule = { apiGroups: [""], resources: ["namespaces"], verbs: NAMESPACE_VERBS };
    this.#clusterWide(name, [rule], ALL);
    this.#source.place(
      this,
      "accounts-everywhere",
      binding("ClusterRoleBinding", ACCOUNTS_ROLE, "ClusterRole", ACCOUNTS_ROLE, this.#source.namespace),
      ALL,
    );
  }

  /** With one: those namespaces, by name, and Events about Reels. */
  #inAccounts(): void {
    const { namespace } = this.#source;
    this.#source.placeEach(this, "accounts-in", "watchNamespaces", (account) =>
      binding("RoleBinding", ACCOUNTS_ROLE, "ClusterRole", ACCOUNTS_ROLE, namespace, account),
    );
    const name = `${OPERATOR}-watched-namespaces`;
    const rule = {
      apiGroups: [""],
      resources: ["namespaces"],
      resourceNames: this.#source.each("watchNamespaces", "%s"),
      verbs: NAMESPACE_VERBS,
    };
    this.#clusterWide(name, [rule], SOME);
    this.#within("default", `${OPERATOR}-events`, EVENT_RULES, SOME);
  }

  #clusterWide(name: string, rules: readonly Rule[], when?: Condition): void {
    this.#source.place(this, `${name}-cluster-role`, role("ClusterRole", name, rules), when);
    this.#source.place(
      this,
      `${name}-cluster-role-binding`,
      binding("ClusterRoleBinding", name, "ClusterRole", name, this.#source.namespace),
      when,
    );
  }

  #within(namespace: string, name: string, rules: readonly Rule[], when?: Condition): void {
    this.#source.place(this, `${name}-role`, role("Role", name, rules, namespace), when);
    this.#source.place(
      this,
      `${name}-role-binding`,
      binding("RoleBinding", name, "Role", name, this.#source.namespace, namespace),
      when,
    );
  }
}

function role(
  kind: "Role" | "ClusterRole",
  name: string,
  rules: readonly Rule[],
  namespace?: string,
): Manifest {
  return {
    apiVersion: `${RBAC}/v1`,
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    rules,
  };
}

function binding(
  kind: "RoleBinding" | "ClusterRoleBinding",
  name: string,
  roleKind: "Role" | "ClusterRole",
  roleName: string,
  subjectNamespace: string,
  namespace?: string,
): Manifest {
  return {
    apiVersion: `${RBAC}/v1`,
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: RBAC, kind: roleKind, name: roleName },
    subjects: [{ kind: "ServiceAccount", name: OPERATOR, namespace: subjectNamespace }],
  };
}
