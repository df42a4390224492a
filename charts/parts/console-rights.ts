import { Construct } from "constructs";
import type { Condition, Source } from "../source/source.ts";
import { CONSOLE, RBAC } from "./names.ts";
import type { Rule } from "./rules.ts";

const ENABLED: Condition = { set: "console.enabled" };
const OIDC: Condition = { all: [ENABLED, { set: "console.oidc.issuer" }] };

/**
 * What the console may do by itself: find accounts, and be those who have signed in at a provider. All else it does with
 * their rights.
 */
export class ConsoleRights extends Construct {
  readonly #source: Source;

  constructor(scope: Construct, id: string, source: Source) {
    super(scope, id);
    this.#source = source;
    source.place(
      this,
      "account",
      {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: CONSOLE, namespace: source.namespace },
        automountServiceAccountToken: false,
      },
      ENABLED,
    );
    this.#may(
      "accounts",
      { apiGroups: [""], resources: ["namespaces"], verbs: ["list"] },
      { all: [ENABLED, { not: { set: "console.accounts" } }] },
    );
    const users = { resourceNames: source.block("console.oidc.users") as readonly string[] };
    const named: Condition = { set: "console.oidc.users" };
    this.#may(
      "users",
      { apiGroups: [""], resources: ["users"], ...users, verbs: ["impersonate"] },
      { all: [OIDC, named] },
    );
    // Without names: anybody, the cluster's own users too, for RBAC knows no prefixes.
    this.#may(
      "any-user",
      { apiGroups: [""], resources: ["users"], verbs: ["impersonate"] },
      { all: [OIDC, { not: named }, { set: "console.oidc.anyUser" }] },
    );
    // Without names: none; a rule without them would let it be system:masters.
    const groups = { resourceNames: source.block("console.oidc.groups") as readonly string[] };
    this.#may(
      "groups",
      { apiGroups: [""], resources: ["groups"], ...groups, verbs: ["impersonate"] },
      { all: [OIDC, { set: "console.oidc.groups" }] },
    );
  }

  #may(what: string, rule: Rule, when: Condition): void {
    const name = `${CONSOLE}-${what}`;
    this.#source.place(
      this,
      `${what}-role`,
      { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata: { name }, rules: [rule] },
      when,
    );
    this.#source.place(
      this,
      `${what}-binding`,
      {
        apiVersion: `${RBAC}/v1`,
        kind: "ClusterRoleBinding",
        metadata: { name },
        roleRef: { apiGroup: RBAC, kind: "ClusterRole", name },
        subjects: [{ kind: "ServiceAccount", name: CONSOLE, namespace: this.#source.namespace }],
      },
      when,
    );
  }
}
