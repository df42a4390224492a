import { KubeConfig } from "@kubernetes/client-node";
import { readFile } from "node:fs/promises";
import { keptLogger } from "../../operator/runtime/testing/log.ts";
import type { Logger } from "../../operator/runtime/logger.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { Field } from "../../test/field/field.ts";
import { apply, eventually, parseObjects } from "../../test/harness/index.ts";
import { startConsole } from "../console.ts";
import type { ConsoleParts, RunningConsole } from "../console.ts";
import { Pages } from "../server/pages.ts";
import type { KnownPerson } from "../server/routes-sign-in.ts";
import { Visitor } from "./visitor.ts";

const RBAC = "rbac.authorization.k8s.io";
const ROLES = `${import.meta.dirname}/../../charts/kustomize/people-roles.yaml`;

/** Who may do what in which account; everybody may see reels. */
const GRANTS = [
  { user: "ada", account: "acme", role: "certferry-admin" },
  { user: "ada", account: "acme", role: "edit" },
  { user: "finn", account: "acme", role: "certferry-binder" },
  { user: "vera", account: "acme", role: "certferry-viewer" },
  { user: "gina", account: "globex", role: "certferry-admin" },
  { user: "gina", account: "globex", role: "edit" },
] as const;

const NO_LIMIT = { burst: 1_000_000, perSecond: 100_000 };

export type PersonName = (typeof GRANTS)[number]["user"] | "nobody";
const PEOPLE: readonly PersonName[] = ["ada", "finn", "vera", "gina", "nobody"];

/** A cluster with two accounts, people with roles in them, and a console. */
export class Site {
  readonly field: Field;
  readonly console: RunningConsole;

  private constructor(field: Field, console: RunningConsole) {
    this.field = field;
    this.console = console;
  }

  static async open(more: Partial<ConsoleParts> & { log?: Logger } = {}): Promise<Site> {
    const field = await Field.open();
    try {
      await apply(field.client, parseObjects(await readFile(ROLES, "utf8"), "people-roles.yaml"));
      for (const account of ["acme", "globex"]) await field.account(account);
      await apply(field.client, grants());
      const config = new KubeConfig();
      config.loadFromFile(field.plane.kubeconfig);
      const console = await startConsole({
        config,
        address: { host: "127.0.0.1", port: 0 },
        pages: new Pages(new Map()),
        known: PEOPLE.map(knownPerson),
        limits: { requests: NO_LIMIT, tries: NO_LIMIT },
        log: keptLogger("console"),
        ...more,
      });
      const site = new Site(field, console);
      // Roles and the policy on clouds are known to the API server a moment after they were written.
      const ada = await site.as("ada");
      await eventually(async () => (await ada.get("/api/accounts/acme/rights")).json["useClouds"] === true);
      return site;
    } catch (error) {
      await field.close();
      throw error;
    }
  }

  visitor(): Visitor {
    return new Visitor(this.console.url);
  }

  /** Somebody's browser, signed in. */
  async as(person: PersonName): Promise<Visitor> {
    const visitor = this.visitor();
    await visitor.post("/api/sign-in/known", { id: person });
    return visitor;
  }

  async close(): Promise<void> {
    await this.console.stop();
    await this.field.close();
  }
}

export function knownPerson(name: string): KnownPerson {
  return {
    id: name,
    label: name,
    hint: "",
    person: { name, credentials: { kind: "impersonated", user: name, groups: [] } },
  };
}

export function grants(): KubeObject[] {
  const made: unknown[] = GRANTS.map(({ user, account, role }) => ({
    apiVersion: `${RBAC}/v1`,
    kind: "RoleBinding",
    metadata: { name: `${user}-${role}`, namespace: account },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: RBAC, kind: "User", name: user }],
  }));
  made.push(
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata: { name: "reels-reader" },
      rules: [{ apiGroups: ["certferry.dev"], resources: ["reels"], verbs: ["get", "list", "watch"] }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "reels-readers" },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "reels-reader" },
      subjects: [...new Set(GRANTS.map(({ user }) => user))].map((name) => ({
        apiGroup: RBAC,
        kind: "User",
        name,
      })),
    },
  );
  return made as KubeObject[];
}

/** Lets somebody read all deeds, and the manifests that are ConfigMaps. */
export function deedsReader(user: string): KubeObject[] {
  const metadata = { name: `${user}-reads-deeds` };
  const subjects = [{ apiGroup: RBAC, kind: "User", name: user }];
  const rules = [
    { apiGroups: ["certferry.dev"], resources: ["reelbindings"], verbs: ["get"] },
    { apiGroups: [""], resources: ["configmaps"], verbs: ["get"] },
  ];
  const roleRef = { apiGroup: RBAC, kind: "ClusterRole", name: metadata.name };
  const made = [
    { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata, rules },
    { apiVersion: `${RBAC}/v1`, kind: "ClusterRoleBinding", metadata, roleRef, subjects },
  ];
  return made;
}

/** Lets somebody get batches of account acme, and nothing else. */
export function mayGetBatches(user: string): KubeObject[] {
  const metadata = { name: `${user}-gets-batches`, namespace: "acme" };
  const subjects = [{ apiGroup: RBAC, kind: "User", name: user }];
  const rules = [{ apiGroups: ["certferry.dev"], resources: ["devicebatches"], verbs: ["get"] }];
  const roleRef = { apiGroup: RBAC, kind: "Role", name: metadata.name };
  const made = [
    { apiVersion: `${RBAC}/v1`, kind: "Role", metadata, rules },
    { apiVersion: `${RBAC}/v1`, kind: "RoleBinding", metadata, roleRef, subjects },
  ];
  return made;
}
