import { kindOf } from "../harness/index.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import type { Request } from "./audit.ts";

const RBAC = "rbac.authorization.k8s.io/v1";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Role extends KubeObject {
  readonly rules: readonly Rule[];
}

interface Binding extends KubeObject {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly {
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
  }[];
}

/** The smallest thing that a rule allows: one verb on one resource. */
export interface Permission {
  readonly role: {
    readonly kind: "Role" | "ClusterRole";
    readonly namespace?: string;
    readonly name: string;
  };
  readonly rule: number;
  /** Where: one namespace, or everywhere. */
  readonly namespace: string | undefined;
  readonly group: string;
  readonly resource: string;
  readonly names: readonly string[];
  readonly verb: string;
}

/** All that a ServiceAccount is allowed by what is in the cluster, every binding of a role by itself. */
export async function permissionsOf(
  client: KubeClient,
  account: { namespace: string; name: string },
): Promise<Permission[]> {
  const all = async <T extends KubeObject>(kind: string): Promise<T[]> => {
    const resource = client.resource<T>(await kindOf(client, { apiVersion: RBAC, kind }));
    return (await resource.list()).items;
  };
  const roles = [...(await all<Role>("Role")), ...(await all<Role>("ClusterRole"))];
  const bindings = [...(await all<Binding>("RoleBinding")), ...(await all<Binding>("ClusterRoleBinding"))];
  const ours = bindings.filter(({ subjects = [] }) =>
    subjects.some(
      ({ kind, name, namespace }) =>
        kind === "ServiceAccount" && name === account.name && namespace === account.namespace,
    ),
  );
  return ours.flatMap(({ roleRef, metadata: { namespace } }) => {
    const role = roles.find(
      ({ kind, metadata }) =>
        kind === roleRef.kind &&
        metadata.name === roleRef.name &&
        (kind === "ClusterRole" || metadata.namespace === namespace),
    );
    if (role === undefined) throw new Error(`${roleRef.kind} ${roleRef.name} is bound and is not there`);
    return role.rules.flatMap((rule, index) => expand(role, rule, index, namespace));
  });
}

function expand(role: Role, rule: Rule, index: number, namespace: string | undefined): Permission[] {
  const { name, namespace: own } = role.metadata;
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.map((verb) => ({
        role: {
          kind: role.kind as "Role" | "ClusterRole",
          name,
          ...(own === undefined ? {} : { namespace: own }),
        },
        rule: index,
        namespace,
        group,
        resource,
        names: rule.resourceNames ?? [],
        verb,
      })),
    ),
  );
}

/** Whether a permission allows a request, by RBAC's rules. */
export function allows(permission: Permission, request: Request): boolean {
  return (
    permission.verb === request.verb &&
    permission.group === request.group &&
    permission.resource === request.resource &&
    (permission.namespace === undefined || permission.namespace === request.namespace) &&
    (permission.names.length === 0 || permission.names.includes(request.name ?? ""))
  );
}

/** For people: `get secrets in acme`. */
export function words({ verb, group, resource, namespace, names }: Permission): string {
  const named = names.length === 0 ? "" : ` ${names.join(",")}`;
  return `${verb} ${group === "" ? "" : `${group}/`}${resource}${named} ${namespace === undefined ? "everywhere" : `in ${namespace}`}`;
}

/** Asks the API server whether a ServiceAccount may do what it did. */
export async function mayStill(
  client: KubeClient,
  account: { namespace: string; name: string },
  { verb, group, resource, namespace, name }: Request,
  signal?: AbortSignal,
): Promise<boolean> {
  const [plural = "", subresource] = resource.split("/");
  const review = (await client.request(
    {
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: {
          user: `system:serviceaccount:${account.namespace}:${account.name}`,
          groups: [
            "system:serviceaccounts",
            `system:serviceaccounts:${account.namespace}`,
            "system:authenticated",
          ],
          resourceAttributes: { verb, group, resource: plural, subresource, namespace, name },
        },
      },
    },
    signal,
  )) as { status: { allowed: boolean } };
  return review.status.allowed;
}

/** Takes one verb out of one rule; the returned function puts it back. */
export async function without(client: KubeClient, permission: Permission): Promise<() => Promise<void>> {
  const { role, rule, verb, resource } = permission;
  const roles = client.resource<Role>(await kindOf(client, { apiVersion: RBAC, kind: role.kind }));
  const key = { name: role.name, ...(role.namespace === undefined ? {} : { namespace: role.namespace }) };
  const whole = await roles.get(key);
  const rules = whole.rules.flatMap((each, index) => {
    if (index !== rule) return [each];
    const others = { ...each, resources: each.resources.filter((name) => name !== resource) };
    const reduced = { ...each, resources: [resource], verbs: each.verbs.filter((name) => name !== verb) };
    return [others, reduced].filter(({ resources, verbs }) => resources.length > 0 && verbs.length > 0);
  });
  await roles.patch(key, { rules });
  return async () => {
    await roles.patch(key, { rules: whole.rules });
  };
}
