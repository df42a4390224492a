import { KubeConfig } from "@kubernetes/client-node";
import { KubeClient } from "../../operator/runtime/client.ts";

/** Somebody who has signed in, and as whom the API server is asked. */
export interface Person {
  /** Shown, and written down as who has added a batch. */
  readonly name: string;
  readonly credentials:
    | { readonly kind: "token"; readonly token: string }
    | { readonly kind: "impersonated"; readonly user: string; readonly groups: readonly string[] };
  /** When the credentials end, in milliseconds since the epoch; undefined when that is not known. */
  readonly expiresAt?: number;
}

const OPTIONS = { requestTimeoutMs: 10_000, userAgent: "certferry-console", strict: true };

/**
 * A client that acts as this person and never as anybody else: with their own token, or with the console's credentials
 * and the headers of impersonation on every request. To be closed by the caller.
 */
export function connectAs(console: KubeConfig, { credentials }: Person): KubeClient {
  if (credentials.kind === "impersonated") {
    const groups = [...credentials.groups];
    const headers = {
      "impersonate-user": credentials.user,
      ...(groups.length === 0 ? {} : { "impersonate-group": groups }),
    };
    return new KubeClient(console, { ...OPTIONS, headers });
  }
  const cluster = console.getCurrentCluster();
  if (cluster === null) throw new Error("the console's kubeconfig has no current cluster");
  const theirs = new KubeConfig();
  theirs.loadFromClusterAndUser(cluster, { name: "person", token: credentials.token });
  return new KubeClient(theirs, OPTIONS);
}
