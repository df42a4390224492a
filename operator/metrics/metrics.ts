import { collectDefaultMetrics, Gauge, Registry } from "@prometheus-io/client";

import { watchActivity } from "./activity.ts";
import { CloudMetrics } from "./clouds.ts";
import { watchObjects } from "./objects.ts";
import { RuntimeMetrics } from "./runtime.ts";
import type { Sources } from "./sources.ts";

export interface MetricsOptions {
  readonly version: string;
  /** The commit that this was built from, where that is known. */
  readonly revision?: string | undefined;
  /** The name of the lease. */
  readonly lease: string;
}

/**
 * All metrics of an operator: those of its process and of Node, controller-runtime's under their own names, and
 * Certferry's. No label names a device or a batch: the finest is a CloudApi.
 */
export class OperatorMetrics {
  readonly registry = new Registry();
  readonly runtime: RuntimeMetrics;
  readonly clouds: CloudMetrics;

  constructor(options: MetricsOptions) {
    const { registry } = this;
    collectDefaultMetrics({ register: registry });
    const build = new Gauge({
      name: "certferry_build_info",
      help: "What runs: always 1.",
      labelNames: ["version", "revision", "node"],
      registers: [registry],
    });
    build.set({ version: options.version, revision: options.revision ?? "", node: process.version }, 1);
    this.runtime = new RuntimeMetrics(registry, options.lease);
    this.clouds = new CloudMetrics(registry);
  }

  /** Begins to tell of what is watched. To be called once, before the informers start. */
  observe(sources: Sources): void {
    this.runtime.lead(sources.leads);
    this.clouds.observe(sources);
    watchObjects(this.registry, sources);
    watchActivity(this.registry, sources);
  }
}
