import { createHash } from "node:crypto";
import type { Dispatcher } from "undici";
import type { EgressPolicy } from "../egress/policy.ts";
import type { Capability } from "../protocol/capabilities.ts";
import {
  type CertificateAnswer,
  type DeprovisionAnswer,
  type EntryReader,
  type InfoAnswer,
  readAnswer,
  readDeprovisioned,
  readInfo,
  readProvisioned,
  readStatus,
  type StatusAnswer,
} from "./answers.ts";
import { certificatesBody, type OutgoingCertificate } from "./certificates-body.ts";
import { withDeadline } from "./deadline.ts";
import { InteropError } from "./errors.ts";
import { explainFailure } from "./failure.ts";
import { type HttpAnswer, type MayLeave, post } from "./http.ts";
import type { Refusal } from "./refusal.ts";
import { explainStatus } from "./status.ts";

export type { CertificateAnswer, DeprovisionAnswer, InfoAnswer, StatusAnswer } from "./answers.ts";
export { InteropError, type InteropErrorReason } from "./errors.ts";
export type { OutgoingCertificate } from "./certificates-body.ts";
export type { MayLeave } from "./http.ts";
export type { Refusal, RefusalCode } from "./refusal.ts";

/** The link to one product cloud. */
export interface InteropTarget {
  /** The whole address that is posted to. */
  readonly url: string;
  readonly auth:
    | { kind: "bearer"; token: () => Promise<string> }
    | { kind: "basic"; username: string; password: string };
  /** PEM: whom to trust besides the public roots. */
  readonly caBundle?: string;
  /** What the callee offered when it was probed; what it did not offer is not used. None unless given. */
  readonly capabilities?: ReadonlySet<Capability>;
}

/** A call about certificates. */
interface CertificatesCall<T> {
  readonly action: "provision" | "status" | "deprovision";
  readonly certs: readonly OutgoingCertificate[];
  readonly batch: string | undefined;
  readonly read: EntryReader<T>;
  readonly mayLeave?: MayLeave | undefined;
}

export interface InteropCallerOptions {
  egress: EgressPolicy;
  /** How long one `provision` call may take in all, in milliseconds. Default: API Gateway's 29 s and 3 s more. */
  deadlineMs?: number;
  /** The same for `info`. Default: 10 s, or `deadlineMs` if that is less. */
  infoDeadlineMs?: number;
  userAgent?: string;
  /** Milliseconds since the epoch; for Retry-After dates. */
  now?: () => number;
}

const MAX_INFO_BYTES = 64 * 1024;
/** An entry of v1 has some 200 bytes; what is read is bounded by what was sent, since reading it takes time. */
const MAX_ENTRY_BYTES = 4 * 1024;
const MAX_ANSWER_FRAME_BYTES = 64 * 1024;
const MAX_DISPATCHERS = 256;

/**
 * The calling end of interop v1: one request a call, no retry of its own. It knows no device by heart:
 * what a callee does not answer for is not in the result.
 */
export class InteropCaller {
  readonly #options: InteropCallerOptions;
  readonly #provisionMs: number;
  readonly #infoMs: number;
  /** By digest of the CA bundle, the longest unused first; each holds a keep-alive pool for each origin. */
  readonly #dispatchers = new Map<string, { dispatcher: Dispatcher; calls: number }>();

  constructor(options: InteropCallerOptions) {
    this.#options = options;
    this.#provisionMs = options.deadlineMs ?? 32_000;
    this.#infoMs = options.infoDeadlineMs ?? Math.min(10_000, this.#provisionMs);
  }

  /**
   * Asks a product cloud who it is: the probe that works everywhere.
   * @throws InteropError; the signal's reason when it fires
   */
  async info(target: InteropTarget, signal: AbortSignal): Promise<InfoAnswer> {
    const call = { body: '{"action":"info"}', deadlineMs: this.#infoMs, maxAnswerBytes: MAX_INFO_BYTES };
    return readInfo(await this.#post(target, call, signal), hostOf(target));
  }

  /**
   * Sends certificates in one request. The result has an entry for each ref that the cloud answered for
   * and no other; what has none is neither provisioned nor refused.
   * @param batch the Product Batch ID; told, as the refs are as device IDs, to callees that want it
   * @throws InteropError (413: `BadRequest` with `httpStatus` 413); the signal's reason when it fires; what
   * `mayLeave` gives
   */
  async provision(
    target: InteropTarget,
    certs: readonly OutgoingCertificate[],
    signal: AbortSignal,
    batch?: string,
    mayLeave?: MayLeave,
  ): Promise<Map<string, CertificateAnswer>> {
    const call = { action: "provision", certs, batch, read: readProvisioned, mayLeave } as const;
    return this.#certificates(target, call, signal);
  }

  /**
   * Asks how certificates stand. Only for a callee that offered `status`.
   * @throws as `provision` does; TypeError when the callee did not offer it
   */
  async status(
    target: InteropTarget,
    certs: readonly OutgoingCertificate[],
    signal: AbortSignal,
    batch?: string,
  ): Promise<Map<string, StatusAnswer>> {
    mustOffer(target, "status");
    return this.#certificates(target, { action: "status", certs, batch, read: readStatus }, signal);
  }

  /**
   * Has certificates taken out, with the devices that were made for them. Only for a callee that offered
   * `deprovision`. What has no entry in the result may be in or out.
   * @throws as `provision` does; TypeError when the callee did not offer it
   */
  async deprovision(
    target: InteropTarget,
    certs: readonly OutgoingCertificate[],
    signal: AbortSignal,
    batch?: string,
    mayLeave?: MayLeave,
  ): Promise<Map<string, DeprovisionAnswer>> {
    mustOffer(target, "deprovision");
    const call = { action: "deprovision", certs, batch, read: readDeprovisioned, mayLeave } as const;
    return this.#certificates(target, call, signal);
  }

  async #certificates<T extends { outcome: string }>(
    target: InteropTarget,
    { action, certs, batch, read, mayLeave }: CertificatesCall<T>,
    signal: AbortSignal,
  ): Promise<Map<string, T | Refusal>> {
    const refs = new Set(certs.map(({ ref }) => ref));
    if (refs.size !== certs.length) throw new TypeError(`${action}: a ref is used for two certificates`);
    if (certs.length === 0) return new Map();
    const body = certificatesBody(action, certs, batch, target.capabilities);
    const maxAnswerBytes = MAX_ANSWER_FRAME_BYTES + certs.length * MAX_ENTRY_BYTES;
    const call = { body, deadlineMs: this.#provisionMs, maxAnswerBytes, mayLeave };
    return readAnswer(await this.#post(target, call, signal), hostOf(target), refs, read);
  }

  /** Closes all connections; calls under way end with an error. */
  async close(): Promise<void> {
    const all = [...this.#dispatchers.values()];
    this.#dispatchers.clear();
    await Promise.all(all.map(({ dispatcher }) => dispatcher.destroy()));
  }

  async #post(
    target: InteropTarget,
    call: {
      body: string | Uint8Array;
      deadlineMs: number;
      maxAnswerBytes: number;
      mayLeave?: MayLeave | undefined;
    },
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const host = hostOf(target);
    let heldBack: Error | undefined;
    const { mayLeave } = call;
    const asked = mayLeave && ((): Error | undefined => (heldBack = mayLeave()));
    const timedOut = (): InteropError =>
      new InteropError({
        reason: "Timeout",
        transient: true,
        message: `${host} did not answer within ${call.deadlineMs / 1000} s`,
      });
    const answer = await withDeadline({ ms: call.deadlineMs, signal, timedOut }, async (signal) => {
      const headers = {
        authorization: await authorization(target),
        "user-agent": this.#options.userAgent ?? "certferry",
      };
      try {
        return await this.#withDispatcher(target.caBundle, (dispatcher) =>
          post({ dispatcher, url: target.url, headers, ...call, mayLeave: asked }, signal),
        );
      } catch (error) {
        if (heldBack !== undefined) throw heldBack;
        throw explainFailure(error, host);
      }
    });
    if (answer.status === 200) return answer;
    const now = (this.#options.now ?? Date.now)();
    throw explainStatus(answer, { host, auth: target.auth.kind, now });
  }

  async #withDispatcher<T>(
    caBundle: string | undefined,
    use: (dispatcher: Dispatcher) => Promise<T>,
  ): Promise<T> {
    const key = caBundle === undefined ? "" : createHash("sha256").update(caBundle).digest("base64");
    const entry = this.#dispatchers.get(key) ?? { dispatcher: this.#dispatcher(caBundle), calls: 0 };
    this.#dispatchers.delete(key);
    this.#dispatchers.set(key, entry);
    entry.calls += 1;
    try {
      return await use(entry.dispatcher);
    } finally {
      entry.calls -= 1;
      this.#dropUnused();
    }
  }

  /** The deadlines are this class's own, so undici's are set a little later than the latest. */
  #dispatcher(caBundle: string | undefined): Dispatcher {
    const late = Math.max(this.#provisionMs, this.#infoMs) + 1000;
    return this.#options.egress.dispatcher({
      ...(caBundle === undefined ? {} : { ca: caBundle }),
      connectTimeoutMs: Math.min(10_000, late),
      headersTimeoutMs: late,
      bodyTimeoutMs: late,
    });
  }

  #dropUnused(): void {
    for (const [key, { dispatcher, calls }] of this.#dispatchers) {
      if (this.#dispatchers.size <= MAX_DISPATCHERS) return;
      if (calls > 0) continue;
      this.#dispatchers.delete(key);
      dispatcher.close().catch(() => undefined);
    }
  }
}

function mustOffer(target: InteropTarget, capability: Capability): void {
  if (target.capabilities?.has(capability) === true) return;
  throw new TypeError(`${capability}: the callee did not offer it`);
}

async function authorization(target: InteropTarget): Promise<string> {
  if (target.auth.kind === "bearer") return `Bearer ${await target.auth.token()}`;
  const { username, password } = target.auth;
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

function hostOf(target: InteropTarget): string {
  const url = URL.parse(target.url);
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") {
    return url.host;
  }
  throw new InteropError({
    reason: "NotAnInteropEndpoint",
    transient: false,
    message: "The address must be http:// or https:// with a host, and hold no user name or password",
  });
}
