import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { stringify } from "yaml";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { type Field, OPERATOR_NAMESPACE } from "../field/field.ts";

const SERVICE_ACCOUNT = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
} as const;
const ROLE_BINDING = {
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural: "clusterrolebindings",
  kind: "ClusterRoleBinding",
  namespaced: false,
} as const;
const TOKEN_SECONDS = 24 * 3_600;

/**
 * Makes a service account that may do everything, so that the API server can tell one operator's writes from another's.
 * @param folder where its kubeconfig is laid
 * @returns the kubeconfig's path
 */
export async function identityFor(field: Field, name: string, folder: string): Promise<string> {
  const { client } = field;
  await client.resource(SERVICE_ACCOUNT).create({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { namespace: OPERATOR_NAMESPACE, name },
  });
  const binding: KubeObject & { roleRef: object; subjects: object[] } = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: `fault-test-${name}` },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", namespace: OPERATOR_NAMESPACE, name }],
  };
  await client.resource<typeof binding>(ROLE_BINDING).create(binding);
  const asked = (await client.request({
    method: "POST",
    path: `/api/v1/namespaces/${OPERATOR_NAMESPACE}/serviceaccounts/${name}/token`,
    body: {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: TOKEN_SECONDS },
    },
  })) as { status: { token: string } };
  const path = join(folder, `${name}.kubeconfig`);
  await writeFile(path, kubeconfigWith(field.plane.kubeconfig, asked.status.token), { mode: 0o600 });
  return path;
}

/** The cluster of a kubeconfig, with another user. */
function kubeconfigWith(admin: string, token: string): string {
  const config = new KubeConfig();
  config.loadFromFile(admin);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`${admin} names no cluster`);
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "field",
        cluster: { server: cluster.server, ...trustOf(cluster) },
      },
    ],
    users: [{ name: "operator", user: { token } }],
    contexts: [{ name: "field", context: { cluster: "field", user: "operator" } }],
    "current-context": "field",
  });
}

function trustOf({ caData, caFile }: { caData?: string; caFile?: string }): object {
  return caData === undefined
    ? { "certificate-authority": caFile }
    : { "certificate-authority-data": caData };
}
