import { KubeConfig } from "@kubernetes/client-node";

import { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeClientOptions } from "../../operator/runtime/client.ts";

/** A client for the cluster that the current context of a kubeconfig file names. To be closed by the caller. */
export function connect(kubeconfig: string, options: KubeClientOptions = {}): KubeClient {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return new KubeClient(config, options);
}
