import { KubeConfig } from "@kubernetes/client-node";

import { connect } from "../../../tools/cluster/connect.ts";
import { eventually } from "../../../tools/cluster/eventually.ts";
import { startControlPlane } from "../../../tools/control-plane/launcher.ts";
import type { ControlPlane, StartOptions } from "../../../tools/control-plane/launcher.ts";
import { Backoff } from "../backoff.ts";
import { KubeClient } from "../client.ts";
import type { ResourceClient } from "../client.ts";
import { Informer } from "../informer.ts";
import type { InformerOptions } from "../informer.ts";
import { CONFIG_MAP } from "./kinds.ts";
import type { ConfigMap } from "./kinds.ts";
import { recordingLogger } from "./log.ts";
import type { LogLine } from "./log.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** Where the ConfigMaps of a test are. */
export const NAMESPACE = "default";

/** An informer of ConfigMaps that runs, with what it has told and logged. */
export interface RunningInformer {
  informer: Informer<ConfigMap>;
  /** As `added NAME`, since the informer came in sync. */
  changes: string[];
  lines: LogLine[];
}

/** A real API server, informers that reach it through a proxy, and a client that goes there straight. */
export class InformerBench {
  readonly controlPlane: ControlPlane;
  readonly proxy: TcpProxy;
  readonly configMaps: ResourceClient<ConfigMap>;
  readonly #client: KubeClient;
  readonly #endings: (() => Promise<void>)[] = [];

  private constructor(controlPlane: ControlPlane, proxy: TcpProxy) {
    this.controlPlane = controlPlane;
    this.proxy = proxy;
    this.#client = connect(controlPlane.kubeconfig);
    this.configMaps = this.#client.resource(CONFIG_MAP);
  }

  static async start(options: StartOptions = {}): Promise<InformerBench> {
    const controlPlane = await startControlPlane(options);
    return new InformerBench(controlPlane, await TcpProxy.start(Number(new URL(controlPlane.url).port)));
  }

  /** Starts an informer, and waits until it watches. */
  async inform(
    o: Partial<InformerOptions<ConfigMap>> & { requestTimeoutMs?: number } = {},
  ): Promise<RunningInformer> {
    const { requestTimeoutMs = 30_000, ...rest } = o;
    const client = new KubeClient(this.#proxied(), { requestTimeoutMs });
    const { log, lines } = recordingLogger();
    const backoff = new Backoff({ baseMs: 50, maxMs: 500 });
    const informer = new Informer<ConfigMap>({
      client: client.resource(CONFIG_MAP),
      namespace: NAMESPACE,
      backoff,
      log,
      ...rest,
    });
    const changes: string[] = [];
    informer.onChange(({ type, object }) => {
      if (object.metadata.name !== "kube-root-ca.crt") changes.push(`${type} ${object.metadata.name}`);
    });
    const stop = new AbortController();
    this.#endings.push(async () => {
      stop.abort(new Error("the test is over"));
      await informer.stopped();
      await client.close();
    });
    informer.start(stop.signal);
    await informer.waitForSync(AbortSignal.timeout(20_000));
    await eventually(() => lines.some(({ msg }) => msg === "watching"), { what: "the watch", interval: 5 });
    changes.length = 0;
    return { informer, changes, lines };
  }

  /** Ends the informers and deletes all ConfigMaps. */
  async clear(): Promise<void> {
    await Promise.all(this.#endings.splice(0).map((end) => end()));
    this.proxy.mode = "pass";
    const { items } = await this.configMaps.list({ namespace: NAMESPACE });
    await Promise.all(items.map(({ metadata }) => this.configMaps.delete(metadata)));
  }

  async stop(): Promise<void> {
    await this.#client.close();
    await this.proxy.close();
    await this.controlPlane.stop();
  }

  #proxied(): KubeConfig {
    const config = new KubeConfig();
    config.loadFromFile(this.controlPlane.kubeconfig);
    config.clusters = config.clusters.map((cluster) => ({
      ...cluster,
      server: `https://127.0.0.1:${this.proxy.port}`,
    }));
    return config;
  }
}

/** Whether a line tells of a failure with that reason. */
export function failedWith(lines: readonly LogLine[], reason: string): boolean {
  return lines.some((line) => (line["err"] as { reason?: string } | undefined)?.reason === reason);
}

/** Waits for as many changes as there are other ones. */
export async function told(changes: string[], count: number): Promise<string[]> {
  await eventually(() => changes.length >= count, { what: `${count} changes`, interval: 20 });
  return changes;
}
