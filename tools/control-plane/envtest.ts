import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { join } from "node:path";

import { freePort } from "../process/free-port.ts";
import { OwnedProcess } from "../process/owned-process.ts";
import type { Launch, RunningControlPlane } from "./launcher.ts";

interface Binaries {
  readonly etcd: string;
  readonly kubeApiserver: string;
}

interface Settings {
  readonly apiPort: number;
  readonly etcdPort: number;
  readonly peerPort: number;
  readonly token: string;
}

const STOP_GRACE_MS = 15_000;

/**
 * Starts etcd and kube-apiserver from two binaries, with the flags that the one-process program uses, and
 * waits until the API server is ready. Ports and credentials stay in the data folder over restarts.
 * @throws Error when one of them ends or the deadline passes first, with the last lines it wrote
 */
export async function startEnvtest(binaries: Binaries, launch: Launch): Promise<RunningControlPlane> {
  const settings = await ensureSettings(launch.dataDir);
  const etcdUrl = `http://127.0.0.1:${settings.etcdPort}`;
  const url = `https://127.0.0.1:${settings.apiPort}`;
  const etcd = await OwnedProcess.start({
    command: binaries.etcd,
    args: etcdArgs(launch.dataDir, etcdUrl, settings),
  });
  const started = [etcd];
  try {
    const apiServer = await OwnedProcess.start({
      command: binaries.kubeApiserver,
      args: [...apiServerArgs(launch.dataDir, etcdUrl, settings), ...launch.extraArgs],
    });
    started.unshift(apiServer);
    await ready(url, settings.token, launch, [apiServer, etcd]);
    await writeKubeconfig(launch, url, settings.token);
    return {
      url,
      pid: apiServer.pid,
      async stop() {
        await apiServer.stop(STOP_GRACE_MS);
        await etcd.stop(STOP_GRACE_MS);
      },
      async kill() {
        await Promise.all([apiServer.kill(), etcd.kill()]);
      },
      pause() {
        apiServer.pause();
        etcd.pause();
      },
      resume() {
        etcd.resume();
        apiServer.resume();
      },
      async compact() {
        await compact(etcdUrl);
      },
    };
  } catch (error) {
    await Promise.all(started.map(async (child) => await child.kill()));
    throw error;
  }
}

function etcdArgs(dataDir: string, clientUrl: string, settings: Settings): string[] {
  const peerUrl = `http://127.0.0.1:${settings.peerPort}`;
  return [
    `--data-dir=${join(dataDir, "etcd")}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    "--unsafe-no-fsync",
    "--log-level=error",
  ];
}

function apiServerArgs(dataDir: string, etcdUrl: string, settings: Settings): string[] {
  const key = join(dataDir, "service-account.key");
  return [
    `--etcd-servers=${etcdUrl}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${settings.apiPort}`,
    `--cert-dir=${join(dataDir, "pki")}`,
    `--token-auth-file=${join(dataDir, "tokens.csv")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--authorization-mode=RBAC",
    "--endpoint-reconciler-type=none",
    "--shutdown-delay-duration=0s",
  ];
}

async function ensureSettings(dataDir: string): Promise<Settings> {
  const file = join(dataDir, "envtest.json");
  try {
    return JSON.parse(await readFile(file, "utf8")) as Settings;
  } catch {
    // A first start: settings are made below.
  }
  const [apiPort, etcdPort, peerPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const settings: Settings = { apiPort, etcdPort, peerPort, token: randomBytes(24).toString("hex") };
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "sec1", format: "pem" });
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(dataDir, "service-account.key"), pem, { mode: 0o600 });
  await writeFile(join(dataDir, "tokens.csv"), `${settings.token},admin,admin,"system:masters"\n`, {
    mode: 0o600,
  });
  await writeFile(file, JSON.stringify(settings), { mode: 0o600 });
  return settings;
}

async function ready(url: string, token: string, launch: Launch, children: OwnedProcess[]): Promise<void> {
  const deadline = Date.now() + launch.startTimeoutMs;
  let last = "no answer yet";
  for (;;) {
    launch.signal?.throwIfAborted();
    const dead = children.find((child) => child.ending !== undefined);
    if (dead !== undefined || Date.now() > deadline) {
      const words = children.flatMap((child) => child.tail("stderr").slice(-15)).join("\n  ");
      const why =
        dead === undefined ? `not ready within ${launch.startTimeoutMs / 1000} s (${last})` : "ended";
      throw new Error(`etcd or kube-apiserver from KUBEBUILDER_ASSETS: ${why}. They last wrote:\n  ${words}`);
    }
    try {
      const ca = await readFile(join(launch.dataDir, "pki", "apiserver.crt"), "utf8");
      const status = await answerStatus(`${url}/readyz`, ca, token);
      if (status === 200) return;
      last = `HTTP ${status}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function answerStatus(url: string, ca: string, token: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const request = get(
      url,
      { ca, headers: { authorization: `Bearer ${token}` }, agent: false, signal: AbortSignal.timeout(2000) },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    request.on("error", reject);
  });
}

async function writeKubeconfig(launch: Launch, url: string, token: string): Promise<void> {
  const ca = await readFile(join(launch.dataDir, "pki", "apiserver.crt"));
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "certferry", cluster: { server: url, "certificate-authority-data": ca.toString("base64") } },
    ],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "certferry", context: { cluster: "certferry", user: "admin" } }],
    "current-context": "certferry",
  };
  await writeFile(`${launch.kubeconfig}.new`, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  await rename(`${launch.kubeconfig}.new`, launch.kubeconfig);
}

/** Through etcd's JSON gateway; the key asked for need not exist, the answer's header has the revision. */
async function compact(etcdUrl: string): Promise<void> {
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const response = await fetch(`${etcdUrl}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    if (!response.ok) throw new Error(`etcd was not compacted: ${path} answered HTTP ${response.status}`);
    return await response.json();
  };
  const key = Buffer.from("/").toString("base64");
  const range = (await post("/v3/kv/range", { key })) as { header: { revision: string } };
  await post("/v3/kv/compaction", { revision: range.header.revision, physical: true });
}
