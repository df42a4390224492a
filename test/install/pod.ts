import type { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";

/** What a kubelet would be told of a Deployment's pods, as far as it is started here. */
export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: {
    readonly serviceAccountName: string;
    readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
    readonly containers: readonly [Container];
    readonly volumes: readonly ({ readonly name: string } & Record<string, unknown>)[];
  };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly EnvVar[];
  readonly securityContext: { readonly readOnlyRootFilesystem?: boolean };
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
}

export interface Deployment extends KubeObject {
  readonly spec: { readonly replicas: number; readonly template: PodTemplate };
}

export const DEPLOYMENT = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
  namespaced: true,
} as const;

/** The operator's Deployment as the API server has it. */
export async function deployed(client: KubeClient, namespace: string): Promise<Deployment> {
  return await client.resource<Deployment>(DEPLOYMENT).get({ namespace, name: "certferry-operator" });
}

/** The environment that a container of this namespace gets, the API server's address aside. */
export function environmentOf({ env }: Container, namespace: string): Record<string, string> {
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => {
      const field = valueFrom?.fieldRef?.fieldPath;
      if (valueFrom === undefined) return [name, value ?? ""];
      if (field === "metadata.namespace") return [name, namespace];
      throw new Error(`${name} is from ${JSON.stringify(valueFrom)}, which no test knows`);
    }),
  );
}

/** A token of a ServiceAccount, as it is laid into its pods. */
export async function tokenOf(client: KubeClient, namespace: string, name: string): Promise<string> {
  const asked = (await client.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3600 } },
  })) as { status: { token: string } };
  return asked.status.token;
}

/**
 * Has the API server judge a pod of the Deployment (Pod Security, quotas, schema), without making one.
 * @throws ApiError with what the namespace's Pod Security level forbids
 */
export async function admitted(client: KubeClient, { metadata, spec }: Deployment): Promise<void> {
  const { namespace = "" } = metadata;
  await client.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/pods`,
    query: { dryRun: "All", fieldValidation: "Strict" },
    body: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "judged", namespace, labels: spec.template.metadata?.labels },
      spec: spec.template.spec,
    },
  });
}
