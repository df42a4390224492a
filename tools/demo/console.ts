import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { buildPages } from "../../console/build/pages.ts";
import { startConsole } from "../../console/console.ts";
import type { RunningConsole } from "../../console/console.ts";
import { Pages } from "../../console/server/pages.ts";
import type { KnownPerson } from "../../console/server/routes-sign-in.ts";
import { kinds } from "../../crds/kinds.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import { silentLogger } from "../../operator/runtime/logger.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { apply, parseObjects } from "../cluster/apply.ts";

const ROLES = resolve(import.meta.dirname, "../../charts/kustomize/people-roles.yaml");
const RBAC = "rbac.authorization.k8s.io";
const REELS_READER = "demo-reels-reader";
const MANIFEST_READER = "demo-manifest-reader";
const OPERATOR_NAMESPACE = "certferry-system";

interface DemoPerson {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  /** Account → roles. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
}

const ADMIN = ["admin", "certferry-admin"];

/** Two people, as the cluster knows them: the demo's console needs no password for either. */
const PEOPLE: readonly DemoPerson[] = [
  {
    id: "ada",
    label: "Ada, administrator",
    hint: "Accounts acme and globex: binds, provisions, manages Cloud APIs",
    roles: { acme: ADMIN, globex: ADMIN },
  },
  {
    id: "finn",
    label: "Finn, factory floor",
    hint: "Account acme: binds reels, on a phone for instance",
    roles: { acme: ["certferry-binder"] },
  },
];

export interface DemoConsoleOptions {
  /** An administrator's: with it the console impersonates the demo's people, and nobody else. */
  readonly kubeconfig: string;
  readonly client: KubeClient;
  readonly fieldManager: string;
  readonly signal: AbortSignal;
}

/**
 * Gives the demo's people their roles, and starts a console on loopback in which they need no password.
 * @throws ApiError, or Error when the pages cannot be built
 */
export async function startDemoConsole(o: DemoConsoleOptions): Promise<RunningConsole> {
  const config = new KubeConfig();
  config.loadFromFile(o.kubeconfig);
  const roles = parseObjects(await readFile(ROLES, "utf8"), ROLES);
  const [files] = await Promise.all([
    buildPages(),
    apply(o.client, [...roles, ...grants()], { fieldManager: o.fieldManager, signal: o.signal }),
  ]);
  return await startConsole({
    config,
    address: { host: "127.0.0.1", port: 0 },
    pages: new Pages(files),
    known: PEOPLE.map(knownPerson),
    egressAllowCidrs: ["127.0.0.1/32"],
    log: silentLogger,
  });
}

function knownPerson({ hint, id, label }: DemoPerson): KnownPerson {
  return {
    id,
    label,
    hint,
    person: { name: id, credentials: { kind: "impersonated", user: id, groups: [] } },
  };
}

function grants(): KubeObject[] {
  const subject = ({ id }: DemoPerson): object => ({ apiGroup: RBAC, kind: "User", name: id });
  const made: object[] = PEOPLE.flatMap((person) =>
    Object.entries(person.roles).flatMap(([namespace, roles]) =>
      roles.map((role) => ({
        apiVersion: `${RBAC}/v1`,
        kind: "RoleBinding",
        metadata: { name: `${person.id}-${role}`, namespace },
        roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: role },
        subjects: [subject(person)],
      })),
    ),
  );
  // Reels belong to no account: a role in one does not reach them.
  const { group, plural } = kinds.Reel;
  made.push(
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata: { name: REELS_READER },
      rules: [{ apiGroups: [group], resources: [plural], verbs: ["get", "list", "watch"] }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: REELS_READER },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: REELS_READER },
      subjects: PEOPLE.map(subject),
    },
  );
  made.push(
    ...manifestReader(PEOPLE.filter(({ roles }) => Object.values(roles).includes(ADMIN)).map(subject)),
  );
  return made as KubeObject[];
}

/** To download a manifest one reads the reel's deed, and what its source is: a ConfigMap, for some of the demo's. */
function manifestReader(subjects: readonly object[]): object[] {
  const { group, plural } = kinds.ReelBinding;
  const metadata = { name: MANIFEST_READER };
  const inOperators = { name: MANIFEST_READER, namespace: OPERATOR_NAMESPACE };
  return [
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata,
      rules: [{ apiGroups: [group], resources: [plural], verbs: ["get"] }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: MANIFEST_READER },
      subjects,
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "Role",
      metadata: inOperators,
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: inOperators,
      roleRef: { apiGroup: RBAC, kind: "Role", name: MANIFEST_READER },
      subjects,
    },
  ];
}
