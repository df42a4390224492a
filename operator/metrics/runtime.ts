import { Counter, Histogram, type Registry } from "@prometheus-io/client";

import type { Controller, ReconcileOutcome } from "../runtime/controller.ts";
import type { EventOutcome } from "../runtime/events.ts";
import type { QueueObserver } from "../runtime/queue.ts";
import { sampled } from "./sampled.ts";

/** controller-runtime's buckets (pkg/internal/controller/metrics). */
const RECONCILE_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5,
  1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
/** controller-runtime's (pkg/metrics): powers of ten from 10 ns to 1000 s. */
const QUEUE_SECONDS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1_000];

/**
 * What controller-runtime measures of any operator, under its names, so that dashboards made for those work here:
 * reconciles, work queues, requests to the API server, the lease; and events, which it does not measure.
 */
export class RuntimeMetrics {
  readonly #reconciles: Counter<"controller" | "result">;
  readonly #reconcileErrors: Counter<"controller">;
  readonly #reconcileSeconds: Histogram<"controller">;
  readonly #adds: Counter<"name" | "controller">;
  readonly #retries: Counter<"name" | "controller">;
  readonly #waited: Histogram<"name" | "controller">;
  readonly #worked: Histogram<"name" | "controller">;
  readonly #requests: Counter<"code" | "method">;
  readonly #events: Counter<"outcome">;
  readonly #controllers: Controller[] = [];
  #leads: () => boolean = () => false;

  /** @param lease the lease's name */
  constructor(registry: Registry, lease: string) {
    const registers = [registry];
    const ofController = { labelNames: ["controller"] as const, registers };
    const ofQueue = { labelNames: ["name", "controller"] as const, registers };
    this.#reconciles = new Counter({
      name: "controller_runtime_reconcile_total",
      help: "Reconciles by their result: success, requeue_after, conflict (the object had changed; it is tried again at once) or error.",
      labelNames: ["controller", "result"],
      registers,
    });
    this.#reconcileErrors = new Counter({
      name: "controller_runtime_reconcile_errors_total",
      help: "Reconciles that failed.",
      ...ofController,
    });
    this.#reconcileSeconds = new Histogram({
      name: "controller_runtime_reconcile_time_seconds",
      help: "How long a reconcile took.",
      buckets: RECONCILE_SECONDS,
      ...ofController,
    });
    this.#adds = new Counter({
      name: "workqueue_adds_total",
      help: "Keys that were added to the queue.",
      ...ofQueue,
    });
    this.#retries = new Counter({
      name: "workqueue_retries_total",
      help: "Keys that were put off: to be added later, after a failure or to be looked at again.",
      ...ofQueue,
    });
    this.#waited = new Histogram({
      name: "workqueue_queue_duration_seconds",
      help: "How long a key waited before a worker took it.",
      buckets: QUEUE_SECONDS,
      ...ofQueue,
    });
    this.#worked = new Histogram({
      name: "workqueue_work_duration_seconds",
      help: "How long a worker had a key.",
      buckets: QUEUE_SECONDS,
      ...ofQueue,
    });
    this.#requests = new Counter({
      name: "rest_client_requests_total",
      help: "Requests to the Kubernetes API server by method and status code; <error> where no answer came.",
      labelNames: ["code", "method"],
      registers,
    });
    this.#events = new Counter({
      name: "certferry_events_total",
      help: "Events and repetitions of them: written, dropped by a limit, or failed.",
      labelNames: ["outcome"],
      registers,
    });
    for (const outcome of ["written", "dropped", "failed"]) this.#events.inc({ outcome }, 0);
    this.#gauges(registry, lease);
  }

  /** Takes a controller in: its queue and its workers are read when metrics are asked for. */
  addController(controller: Controller): void {
    this.#controllers.push(controller);
    const { name } = controller;
    for (const result of ["success", "requeue_after", "conflict", "error"]) {
      this.#reconciles.inc({ controller: name, result }, 0);
    }
    this.#reconcileErrors.inc({ controller: name }, 0);
  }

  /** How to ask whether this process leads. */
  lead(leads: () => boolean): void {
    this.#leads = leads;
  }

  reconciled({ controller, result, seconds }: ReconcileOutcome): void {
    this.#reconciles.inc({ controller, result });
    if (result === "error") this.#reconcileErrors.inc({ controller });
    this.#reconcileSeconds.observe({ controller }, seconds);
  }

  queueObserver(name: string): QueueObserver {
    const labels = { name, controller: name };
    this.#adds.inc(labels, 0);
    this.#retries.inc(labels, 0);
    return {
      added: () => this.#adds.inc(labels),
      delayed: () => this.#retries.inc(labels),
      taken: (waited) => this.#waited.observe(labels, waited),
      done: (worked) => this.#worked.observe(labels, worked),
    };
  }

  requested(method: string, status: number | undefined): void {
    this.#requests.inc({ code: status === undefined ? "<error>" : String(status), method });
  }

  event(outcome: EventOutcome): void {
    this.#events.inc({ outcome });
  }

  /** What is read, not counted. */
  #gauges(registry: Registry, lease: string): void {
    const READ: readonly [name: string, help: string, read: (controller: Controller) => number][] = [
      [
        "controller_runtime_active_workers",
        "Keys that are being reconciled.",
        ({ queue }) => queue.processing,
      ],
      [
        "controller_runtime_max_concurrent_reconciles",
        "Keys that may be reconciled at a time.",
        ({ workers }) => workers,
      ],
      ["workqueue_depth", "Keys that wait for a worker.", ({ queue }) => queue.length],
      [
        "workqueue_unfinished_work_seconds",
        "Seconds of work in progress, of all workers together.",
        ({ queue }) => queue.working.sum,
      ],
      [
        "workqueue_longest_running_processor_seconds",
        "Seconds since the key was taken that has been worked on longest.",
        ({ queue }) => queue.working.longest,
      ],
      [
        "certferry_workqueue_oldest_seconds",
        "Seconds for which the key that waits longest has waited; 0 when none waits.",
        ({ queue }) => queue.oldest,
      ],
    ];
    for (const [name, help, read] of READ) {
      const labels = name.startsWith("controller_")
        ? (["controller"] as const)
        : (["name", "controller"] as const);
      const of = (controller: string): Record<string, string> =>
        Object.fromEntries(labels.map((label) => [label, controller]));
      sampled<string>(registry, {
        name,
        help,
        labels,
        read: () => this.#controllers.map((controller) => [of(controller.name), read(controller)]),
      });
    }
    sampled(registry, {
      name: "leader_election_master_status",
      help: "1 where this process holds the lease, 0 where it waits for it.",
      labels: ["name"],
      read: () => [[{ name: lease }, this.#leads() ? 1 : 0]],
    });
  }
}
