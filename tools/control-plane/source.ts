import { access, constants } from "node:fs/promises";
import { join } from "node:path";

import { buildControlPlane, cachedControlPlane } from "./build.ts";

/** Where a control plane comes from: Certferry's one-process program, or envtest's two binaries. */
export type ControlPlaneSource =
  | { readonly kind: "program"; readonly path: string; readonly origin: "environment" | "cache" | "build" }
  | { readonly kind: "envtest"; readonly etcd: string; readonly kubeApiserver: string };

export interface FindOptions {
  /** Told what is looked for, found and built; one line at a time. */
  readonly log?: (message: string) => void;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/**
 * Finds a control plane: `$CERTFERRY_CONTROL_PLANE` (the program's path), `$KUBEBUILDER_ASSETS` (a folder
 * with etcd and kube-apiserver, as setup-envtest lays them), an earlier build in the user's cache folder,
 * and last a build from the Go modules, which takes minutes the first time.
 * @throws Error when a named one is not there, or nothing is found and Go is missing or the build fails
 */
export async function findControlPlane(options: FindOptions = {}): Promise<ControlPlaneSource> {
  const env = options.env ?? process.env;
  const log = options.log ?? (() => {});

  const named = env["CERTFERRY_CONTROL_PLANE"];
  if (named !== undefined && named !== "") {
    await mustBeExecutable(named, "CERTFERRY_CONTROL_PLANE");
    return { kind: "program", path: named, origin: "environment" };
  }
  const assets = env["KUBEBUILDER_ASSETS"];
  if (assets !== undefined && assets !== "") {
    const etcd = join(assets, "etcd");
    const kubeApiserver = join(assets, "kube-apiserver");
    await mustBeExecutable(etcd, "KUBEBUILDER_ASSETS");
    await mustBeExecutable(kubeApiserver, "KUBEBUILDER_ASSETS");
    log(
      "control plane: etcd and kube-apiserver from KUBEBUILDER_ASSETS; they bring no garbage collection and " +
        'no namespace controller, so a deleted namespace stays "Terminating" and owned objects stay',
    );
    return { kind: "envtest", etcd, kubeApiserver };
  }
  const cached = await cachedControlPlane(env);
  if (cached !== undefined) return { kind: "program", path: cached, origin: "cache" };
  const path = await buildControlPlane({ log, env, ...(options.signal && { signal: options.signal }) });
  return { kind: "program", path, origin: "build" };
}

async function mustBeExecutable(path: string, variable: string): Promise<void> {
  try {
    await access(path, constants.X_OK);
  } catch (cause) {
    throw new Error(
      `${variable} leads to ${path}, which is not there or cannot be run; correct the variable or unset it`,
      { cause },
    );
  }
}
