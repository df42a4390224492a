import { Counter, Histogram, type Registry } from "@prometheus-io/client";

import type { Probed } from "../controllers/cloudapi/probes.ts";
import type {
  AnswerReport,
  FerryObserver,
  LaneView,
  LedgerWrite,
  RequestReport,
} from "../provisioning/observer.ts";
import type { QuestionReport } from "../provisioning/survey/surveys.ts";
import { sampled } from "./sampled.ts";
import type { Sources } from "./sources.ts";

const REQUEST_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 22, 29, 60];
const DEVICES = [1, 2, 5, 10, 25, 50, 100, 150, 200, 250];

type CloudLabels = "namespace" | "cloudapi";

/** What went to product clouds and came of it, and what was written down. */
export class CloudMetrics implements FerryObserver {
  readonly #requests: Counter<CloudLabels | "action" | "outcome">;
  readonly #seconds: Histogram<"type" | "action">;
  readonly #devices: Histogram<"type" | "action">;
  readonly #done: Counter<CloudLabels | "direction">;
  readonly #refusals: Counter<CloudLabels | "reason">;
  readonly #writes: Counter<"result">;
  readonly #written: Counter;
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    const ofType = { labelNames: ["type", "action"] as const, registers };
    this.#requests = new Counter({
      name: "certferry_interop_requests_total",
      help: "Requests to product clouds: Answered, or the reason why there was no usable answer.",
      labelNames: ["namespace", "cloudapi", "action", "outcome"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "certferry_interop_request_duration_seconds",
      help: "How long a request to a product cloud took, whatever came of it. A gateway on AWS gives up after 29 s.",
      buckets: REQUEST_SECONDS,
      ...ofType,
    });
    this.#devices = new Histogram({
      name: "certferry_interop_request_devices",
      help: "How many devices a request carried.",
      buckets: DEVICES,
      ...ofType,
    });
    this.#done = new Counter({
      name: "certferry_devices_done_total",
      help: "Devices that went into a product cloud (in) or out of it (out), as it answered.",
      labelNames: ["namespace", "cloudapi", "direction"],
      registers,
    });
    this.#refusals = new Counter({
      name: "certferry_device_refusals_total",
      help: "Refusals of single devices by reason: those that end in failed, and those that mean not now.",
      labelNames: ["namespace", "cloudapi", "reason"],
      registers,
    });
    this.#writes = new Counter({
      name: "certferry_ledger_writes_total",
      help: "Writes of ledger chunks: written, conflict (somebody else had written it) or error.",
      labelNames: ["result"],
      registers,
    });
    for (const result of ["written", "conflict", "error"]) this.#writes.inc({ result }, 0);
    this.#written = new Counter({
      name: "certferry_ledger_written_bytes_total",
      help: "Bytes of ledger chunks that were written to the API server.",
      registers,
    });
  }

  requested(report: RequestReport): void {
    const { account: namespace, cloudApi: cloudapi, type, direction } = report;
    const action = direction === "in" ? "provision" : "deprovision";
    this.#requests.inc({ namespace, cloudapi, action, outcome: report.outcome });
    this.#seconds.observe({ type, action }, report.seconds);
    this.#devices.observe({ type, action }, report.devices);
  }

  /** A cloud was asked how devices stand. */
  questioned({
    account: namespace,
    cloudApi: cloudapi,
    type,
    devices,
    seconds,
    outcome,
  }: QuestionReport): void {
    const action = "status";
    this.#requests.inc({ namespace, cloudapi, action, outcome });
    this.#seconds.observe({ type, action }, seconds);
    this.#devices.observe({ type, action }, devices);
  }

  answered({ account: namespace, cloudApi: cloudapi, direction, done, refusals }: AnswerReport): void {
    if (done > 0) this.#done.inc({ namespace, cloudapi, direction }, done);
    for (const [reason, times] of refusals) this.#refusals.inc({ namespace, cloudapi, reason }, times);
  }

  ledger({ result, bytes }: LedgerWrite): void {
    this.#writes.inc({ result });
    if (result === "written") this.#written.inc(bytes);
  }

  /** A probe of a CloudApi's cloud has ended. */
  probed({ namespace, name, type, outcome, seconds }: Probed): void {
    this.#requests.inc({ namespace, cloudapi: name, action: "info", outcome });
    this.#seconds.observe({ type, action: "info" }, seconds);
  }

  /** Forgets CloudApis that go, and tells of the ways to clouds. */
  observe({ cluster, lanes }: Sources): void {
    cluster.cloudApis.cache.onChange(({ object, type }) => {
      if (type === "deleted") void this.#forget(object.metadata.namespace, object.metadata.name);
    });
    laneGauges(this.#registry, lanes);
  }

  /** What was counted of a CloudApi that is gone is of no use, and would add up over the years. */
  async #forget(namespace: string, cloudapi: string): Promise<void> {
    for (const counter of [this.#requests, this.#done, this.#refusals] as Counter<string>[]) {
      const { values } = await counter.get();
      for (const { labels } of values) {
        if (labels["namespace"] === namespace && labels["cloudapi"] === cloudapi) counter.remove(labels);
      }
    }
  }
}

/** One gauge for each thing that is known of a lane. */
function laneGauges(registry: Registry, lanes: Sources["lanes"]): void {
  const READ: readonly [name: string, help: string, read: (lane: LaneView) => number | undefined][] = [
    [
      "certferry_lane_request_devices",
      "Devices that the next request to a product cloud may carry.",
      (lane) => lane.size,
    ],
    ["certferry_lane_in_flight", "Requests that are under way to a product cloud.", (lane) => lane.underWay],
    [
      "certferry_lane_in_flight_limit",
      "Requests that may be under way to it at a time.",
      (lane) => lane.inFlight,
    ],
    [
      "certferry_lane_devices_per_second_limit",
      "Devices a second that are let go to a product cloud at most: what was learnt from its refusals, or spec.limits. Not there while nothing sets a bound.",
      (lane) => (Number.isFinite(lane.rate) ? lane.rate : undefined),
    ],
    ["certferry_lane_waiting", "Requests that wait for their turn.", (lane) => lane.waiting],
    [
      "certferry_lane_breaker_open",
      "1 where a product cloud brought nothing several times in a row and is tried now and then only.",
      (lane) => (lane.broken ? 1 : 0),
    ],
  ];
  for (const [name, help, read] of READ) {
    const worst = name.endsWith("_open");
    sampled(registry, {
      name,
      help,
      labels: ["target"],
      *read() {
        // Two addresses of one cloud have a lane each, and are told as one.
        for (const [target, together] of Map.groupBy(lanes(), ([target]) => target)) {
          const known = together.map(([, lane]) => read(lane)).filter((value) => value !== undefined);
          if (known.length > 0) yield [{ target }, worst ? Math.max(...known) : sum(known)];
        }
      },
    });
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
