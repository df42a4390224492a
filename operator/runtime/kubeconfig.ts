import { KubeConfig } from "@kubernetes/client-node";

/**
 * The kubeconfig that was named, or the pod's service account; never whatever context happens to be current.
 * @param file of `--kubeconfig`
 * @throws Error when there is neither
 */
export function loadKubeConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): KubeConfig {
  const config = new KubeConfig();
  if (file !== undefined) config.loadFromFile(file);
  else if (env["KUBERNETES_SERVICE_HOST"] !== undefined) config.loadFromCluster();
  else throw new Error("not in a cluster: say which one with --kubeconfig FILE");
  return config;
}
