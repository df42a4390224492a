import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import { layImage } from "../../image/build.ts";
import { NODE_FLAGS } from "../../image/node-flags.ts";
import { stringify } from "yaml";
import type { KubeClient } from "../../operator/runtime/client.ts";
import { OwnedProcess, type Ending } from "../../tools/process/owned-process.ts";
import { reapFolder } from "../../tools/process/reaper.ts";
import { type Deployment, deployed, environmentOf, tokenOf } from "./pod.ts";

const run = promisify(execFile);
const STOP_GRACE_MS = 20_000;

/**
 * Makes the root that a container would have, in a mount namespace that ends with the process: the image's folder,
 * Node and the system's libraries in the place of the base image's, all read-only; the volumes; the token. Then it
 * becomes the operator, as the user of the pod, without capabilities and with no way to get any.
 * $1 root, $2 Node, $3 the image's folder, $4 the ServiceAccount's folder, $5 user, $6 group, $7 the folder of
 * manifests or nothing; then the program's arguments.
 */
const ENTER = `set -eu
root=$1 node=$2 image=$3 account=$4 user=$5 group=$6 manifests=$7
shift 7
mount --make-rprivate /
mount -t tmpfs -o mode=0755,size=16m tmpfs "$root"
cd "$root"
mkdir -p app nodejs/bin usr etc dev proc data manifests var/run/secrets/kubernetes.io/serviceaccount
touch nodejs/bin/node dev/null dev/urandom etc/hosts etc/resolv.conf
ln -s usr/lib lib; ln -s usr/lib64 lib64
show() { mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"; }
show /usr usr; show "$node" nodejs/bin/node; show "$image" app
show "$account" var/run/secrets/kubernetes.io/serviceaccount
show /etc/hosts etc/hosts; show /etc/resolv.conf etc/resolv.conf
mount --bind /dev/null dev/null; mount --bind /dev/urandom dev/urandom; mount --rbind /proc proc
mount -t tmpfs -o "mode=0770,uid=$user,gid=$group,size=256m" tmpfs data
if [ -n "$manifests" ]; then show "$manifests" manifests; fi
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs \\
  --bounding-set=-all --inh-caps=-all -- /nodejs/bin/node ${NODE_FLAGS.join(" ")} /app/main.js "$@"
`;

/** Undefined where a container's root can be made; else why not. It takes root on Linux, and mount namespaces. */
export async function isolationMissing(): Promise<string | undefined> {
  try {
    await run("unshare", ["--mount", "sh", "-c", "mount --make-rprivate / && setpriv --version"], {
      timeout: 10_000,
    });
    return process.getuid?.() === 0 ? undefined : "not root";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** An operator that runs as the Deployment says. */
export interface RunningPod {
  readonly process: OwnedProcess;
  readonly log: () => string;
  ready(): Promise<boolean>;
  leading(): boolean;
  /** SIGTERM, as a kubelet ends a pod. */
  stop(): Promise<Ending>;
}

/** Starts pods of an installation on this machine: a kubelet, as far as it is needed. */
export class Containers {
  readonly #client: KubeClient;
  readonly #kubeconfig: string;
  readonly #folder: string;
  readonly #isolated: boolean;
  readonly #pods: RunningPod[] = [];

  private constructor(client: KubeClient, kubeconfig: string, folder: string, isolated: boolean) {
    this.#client = client;
    this.#kubeconfig = kubeconfig;
    this.#folder = folder;
    this.#isolated = isolated;
  }

  /**
   * @param kubeconfig an administrator's
   */
  static async open(client: KubeClient, kubeconfig: string): Promise<Containers> {
    const folder = await mkdtemp(join(tmpdir(), "certferry-containers-"));
    reapFolder(folder);
    await layImage(join(folder, "image"));
    // The user of the pod is another one than ours.
    await run("chmod", ["-R", "a+rX,a-w", join(folder, "image")]);
    await run("chmod", ["a+rx", folder]);
    return new Containers(client, kubeconfig, folder, (await isolationMissing()) === undefined);
  }

  /**
   * Starts one pod of the operator's Deployment, and waits until it says that it is up.
   * @param o.apiServer instead of the real one; @param o.manifests the folder in the place of the manifests' volume
   */
  async start(
    namespace: string,
    o: { apiServer?: { url: string; ca: string }; manifests?: string } = {},
  ): Promise<RunningPod> {
    const deployment = await deployed(this.#client, namespace);
    const account = await this.#account(deployment, o.apiServer?.ca);
    const { container, args, env } = this.#asDeployed(deployment, o.apiServer?.url ?? this.#server());
    const process = this.#isolated
      ? await OwnedProcess.start({
          command: "unshare",
          args: [
            "--mount",
            "sh",
            "-c",
            ENTER,
            "enter",
            ...(await this.#entry(account, deployment, o.manifests)),
            ...args,
          ],
          env,
          keptLines: 2_000,
        })
      : await this.#plain(account, args, env);
    const pod = await runningPod(process, container.name);
    this.#pods.push(pod);
    return pod;
  }

  /** Where no root of its own can be made: the same bundle, arguments, environment and token, on this machine's. */
  async #plain(account: string, args: readonly string[], env: Record<string, string>): Promise<OwnedProcess> {
    const kubeconfig = join(account, "kubeconfig");
    const server = `https://${env["KUBERNETES_SERVICE_HOST"]}:${env["KUBERNETES_SERVICE_PORT"]}`;
    const token = await readFile(join(account, "token"), "utf8");
    await writeFile(kubeconfig, kubeconfigWith(server, join(account, "ca.crt"), token), { mode: 0o600 });
    const data = await mkdtemp(join(this.#folder, "data-"));
    const there = args.map((arg) => (arg.startsWith("--data-dir=") ? `--data-dir=${data}` : arg));
    return await OwnedProcess.start({
      command: globalThis.process.execPath,
      args: [...NODE_FLAGS, join(this.#folder, "image", "main.js"), ...there, "--kubeconfig", kubeconfig],
      env,
      keptLines: 2_000,
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#pods.map(({ process }) => process.kill()));
    await rm(this.#folder, { recursive: true, force: true });
  }

  #server(): string {
    return clusterOf(this.#kubeconfig).server;
  }

  /** What {@link ENTER} is told. */
  async #entry(account: string, { spec }: Deployment, manifests = ""): Promise<string[]> {
    const root = await mkdtemp(join(this.#folder, "root-"));
    const { runAsUser, runAsGroup } = spec.template.spec.securityContext;
    const image = join(this.#folder, "image");
    return [
      root,
      globalThis.process.execPath,
      image,
      account,
      String(runAsUser),
      String(runAsGroup),
      manifests,
    ];
  }

  /** The folder that a kubelet lays into the pod. */
  async #account({ metadata, spec }: Deployment, ca: string | undefined): Promise<string> {
    const { namespace = "" } = metadata;
    const folder = await mkdtemp(join(this.#folder, "account-"));
    await mkdir(folder, { recursive: true });
    const trusted = ca ?? Buffer.from(clusterOf(this.#kubeconfig).caData ?? "", "base64").toString("utf8");
    const token = await tokenOf(this.#client, namespace, spec.template.spec.serviceAccountName);
    for (const [name, text] of [
      ["token", token],
      ["ca.crt", trusted],
      ["namespace", namespace],
    ] as const) {
      await writeFile(join(folder, name), text, { mode: 0o644 });
    }
    await run("chmod", ["a+rx", folder]);
    return folder;
  }

  /** Arguments and environment as they stand, but for the addresses that are listened on: loopback, a free port. */
  #asDeployed({ metadata, spec }: Deployment, server: string) {
    const [container] = spec.template.spec.containers;
    const args = container.args.map((arg) =>
      arg.replace(/^(--(?:health|metrics)-address)=.*$/u, "$1=127.0.0.1:0"),
    );
    const { hostname, port } = new URL(server);
    const env = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      NODE_ENV: "production",
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      ...environmentOf(container, metadata.namespace ?? ""),
    };
    return { container, args, env };
  }
}

/** A kubeconfig of one cluster and one user with a token. */
export function kubeconfigWith(server: string, caFile: string, token: string): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server, "certificate-authority": caFile } }],
    users: [{ name: "u", user: { token } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    "current-context": "c",
  });
}

function clusterOf(kubeconfig: string): { server: string; caData?: string } {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`${kubeconfig} names no cluster`);
  return cluster;
}

async function runningPod(process: OwnedProcess, name: string): Promise<RunningPod> {
  const log = (): string => [...process.tail("stdout"), ...process.tail("stderr")].join("\n");
  let leading = false;
  process.onLine((line) => {
    if (/"msg":"leading"/u.test(line)) leading = true;
  });
  try {
    const health = await process.line(healthOf, `${name} did not start`, 60_000);
    return {
      process,
      log,
      leading: () => leading,
      async ready() {
        const answer = await fetch(`${health}/readyz`, { signal: AbortSignal.timeout(5_000) });
        await answer.body?.cancel();
        return answer.ok;
      },
      async stop() {
        await process.stop(STOP_GRACE_MS);
        return await process.ended;
      },
    };
  } catch (error) {
    await process.kill();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${log()}`, { cause: error });
  }
}

function healthOf(line: string): string | undefined {
  const port = /"host":"127\.0\.0\.1","port":(\d+).*"msg":"serving health"/u.exec(line)?.[1];
  return port === undefined ? undefined : `http://127.0.0.1:${port}`;
}
