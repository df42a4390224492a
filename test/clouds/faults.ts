/** Something that goes wrong with one request. */
export type Fault =
  /** Answers with a status of its own; `body` as JSON (default `{"error": "..."}`). */
  | { kind: "status"; status: number; retryAfter?: string; body?: object; afterWork?: boolean }
  /** 401 with v1's text, whatever the token. */
  | { kind: "refuseToken" }
  /** Does the work, then sends a complete HTTP answer whose JSON breaks off half-way. */
  | { kind: "halfBody" }
  /** Does the work, then sends half of the announced body and cuts the connection. */
  | { kind: "cutBody" }
  /** Does the work, then answers 200 with an HTML page, no body, or JSON that is not a list. */
  | { kind: "html" | "empty" | "notAList" }
  /** Takes the request and never answers; with `afterWork` the devices are in nonetheless. */
  | { kind: "hang"; afterWork?: boolean }
  /** Resets the connection; with `afterWork` the devices are in nonetheless. */
  | { kind: "reset"; afterWork?: boolean };

/** A fault in one word, or two: `hang`, `status 503`. */
export function faultName(fault: Fault): string {
  return fault.kind === "status" ? `status ${fault.status}` : fault.kind;
}

/** How a cloud behaves all the time. Each may be changed while it runs. */
export interface Manners {
  /** Before each answer, in milliseconds. */
  latencyMs?: number;
  /** For each certificate of a request, one after another as v1 works, in milliseconds. */
  msPerDevice?: number;
  /** Entries in the reverse of their order. */
  reverse?: boolean;
  /** Refs that get no entry, although the device is let in. */
  leaveOut?: readonly string[];
  /** Entries twice: the same again, or contradicting themselves (SUCCESS and ERROR for one ref). */
  twice?: "same" | "contradicting";
  /** Entries for refs that nobody sent. */
  strangers?: boolean;
  /** Above this many devices a second, entries fail with v1's text and the devices are not let in. */
  hiddenThrottle?: { devicesPerSecond: number };
  /** `policyApplied: false` in each SUCCESS. */
  withoutPolicy?: boolean;
  /** These refs fail with this message and are not let in. */
  refuse?: { refs: readonly string[]; message: string };
}

/** The answers of Amazon API Gateway itself, for which no function behind it runs. */
export const GATEWAY_FAULTS = {
  forbidden: { kind: "status", status: 403, body: { message: "Forbidden" } },
  missingToken: { kind: "status", status: 403, body: { message: "Missing Authentication Token" } },
  timedOut: { kind: "status", status: 504, body: { message: "Endpoint request timed out" }, afterWork: true },
  throttled: { kind: "status", status: 429, body: { message: "Too Many Requests" } },
  quotaUsedUp: { kind: "status", status: 429, body: { message: "Limit Exceeded" } },
} as const satisfies Record<string, Fault>;

/** Which requests a fault is for. */
export type FaultScope = "provision" | "deprovision" | "info" | "any";

/** Faults in the order given; each is used up after its number of requests. */
export class FaultQueue {
  #queue: { fault: Fault; left: number; on: FaultScope }[] = [];

  add(fault: Fault, times: number, on: FaultScope): void {
    this.#queue.push({ fault, left: times, on });
  }

  /** The fault for a request with this action; counts it. */
  take(action: string): Fault | undefined {
    const next = this.#queue.find(({ on }) => on === "any" || on === action);
    if (next === undefined) return undefined;
    next.left -= 1;
    if (next.left <= 0) this.#queue = this.#queue.filter((entry) => entry !== next);
    return next.fault;
  }

  clear(): void {
    this.#queue = [];
  }
}
