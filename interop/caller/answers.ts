import {
  deprovisionEntrySchema,
  type Difference,
  errorEntrySchema,
  infoAnswerSchema,
  statusEntrySchema,
  successEntrySchema,
} from "../protocol/answers.ts";
import { InteropError } from "./errors.ts";
import type { HttpAnswer } from "./http.ts";
import { readRefusal, type Refusal } from "./refusal.ts";

export interface InfoAnswer {
  compatibilityVersion: number;
  /** What the callee can do beyond v1, by name; a v1 callee names nothing. */
  capabilities: string[];
}

export type CertificateAnswer =
  | { outcome: "provisioned"; endpoint?: string; topic?: string; policyApplied: boolean }
  | Refusal;

/** How a certificate stands in a registry, as `status` tells it. */
export type StatusAnswer =
  | {
      outcome: "known";
      /** What the registry calls the device. */
      name?: string;
      present: boolean;
      active: boolean;
      attached: boolean;
      policyApplied: boolean;
      /** Empty: nothing to mend. */
      differs: Difference[];
    }
  | Refusal;

export type DeprovisionAnswer =
  | {
      outcome: "removed";
      /** False: there was nothing to take out. */
      wasThere: boolean;
    }
  | Refusal;

/** Reads the SUCCESS entry of one action; undefined when it cannot be read. */
export type EntryReader<T> = (entry: unknown) => T | undefined;

/** @throws InteropError NotAnInteropEndpoint, or BadAnswer when it broke off */
export function readInfo(answer: HttpAnswer, host: string): InfoAnswer {
  if (/^\s*</.test(answer.body)) throw notInterop(host, "with a web page");
  const parsed = infoAnswerSchema.safeParse(parseJson(answer, host));
  if (!parsed.success) throw notInterop(host, "with something else");
  const { compatibilityVersion, capabilities } = parsed.data;
  return { compatibilityVersion, capabilities: (capabilities ?? []).filter(isCapability).slice(0, 64) };
}

function isCapability(value: unknown): value is string {
  return typeof value === "string" && /^[\w.:/-]{1,64}$/.test(value);
}

function notInterop(host: string, how: string): InteropError {
  return new InteropError({
    reason: "NotAnInteropEndpoint",
    transient: false,
    httpStatus: 200,
    message: `${host} answers, but ${how} where interop v1 says its version: check the address`,
  });
}

/**
 * Matches the entries of an answer to the refs that were sent. Entries that cannot be read and refs that
 * were not sent count for nothing. Of several entries for one ref a failure stands.
 * @throws InteropError BadAnswer when the answer as a whole cannot be read
 */
export function readAnswer<T extends { outcome: string }>(
  answer: HttpAnswer,
  host: string,
  sent: ReadonlySet<string>,
  success: EntryReader<T>,
): Map<string, T | Refusal> {
  const entries = parseJson(answer, host);
  if (!Array.isArray(entries)) throw badAnswer(host, "is JSON but not a list");
  const found = new Map<string, T | Refusal>();
  for (const entry of entries as unknown[]) {
    const ref = sentRef(entry, sent);
    if (ref === undefined || found.get(ref)?.outcome === "refused") continue;
    const answer = readError(entry) ?? success(entry);
    if (answer !== undefined) found.set(ref, answer);
  }
  return found;
}

/** Whose entry it is, found without a schema: an answer may be a long list of anything. */
function sentRef(entry: unknown, sent: ReadonlySet<string>): string | undefined {
  if (typeof entry !== "object" || entry === null || !("ref" in entry)) return undefined;
  return typeof entry.ref === "string" && sent.has(entry.ref) ? entry.ref : undefined;
}

function readError(entry: unknown): Refusal | undefined {
  // Most entries are none, and a schema that fails takes ten times as long as one that fits.
  if (typeof entry !== "object" || entry === null || !("status" in entry) || entry.status !== "ERROR") {
    return undefined;
  }
  const failure = errorEntrySchema.safeParse(entry);
  return failure.success ? readRefusal(failure.data) : undefined;
}

/** A SUCCESS entry of the answer to `provision`. */
export function readProvisioned(entry: unknown): Exclude<CertificateAnswer, Refusal> | undefined {
  const success = successEntrySchema.safeParse(entry);
  if (!success.success) return undefined;
  const { policyApplied } = success.data;
  const endpoint = shortText(success.data.endpoint);
  const topic = shortText(success.data.topic);
  return {
    outcome: "provisioned",
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(topic === undefined ? {} : { topic }),
    policyApplied,
  };
}

/** A SUCCESS entry of the answer to `status`. */
export function readStatus(entry: unknown): Exclude<StatusAnswer, Refusal> | undefined {
  const success = statusEntrySchema.safeParse(entry);
  if (!success.success) return undefined;
  const { present, active, attached, policyApplied, differs } = success.data;
  const name = shortText(success.data.name);
  return {
    outcome: "known",
    ...(name === undefined ? {} : { name }),
    present,
    active,
    attached,
    policyApplied,
    differs,
  };
}

/** A SUCCESS entry of the answer to `deprovision`. */
export function readDeprovisioned(entry: unknown): Exclude<DeprovisionAnswer, Refusal> | undefined {
  const success = deprovisionEntrySchema.safeParse(entry);
  return success.success ? { outcome: "removed", wasThere: success.data.removed } : undefined;
}

/** Endpoint, topic and name are shown to people: anything that is not short printable ASCII is left out. */
function shortText(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x21-\x7e]{1,300}$/.test(text) ? text : undefined;
}

function parseJson(answer: HttpAnswer, host: string): unknown {
  if (answer.cut) throw badAnswer(host, "is too large");
  if (answer.body.trim() === "") throw badAnswer(host, "is empty");
  try {
    return JSON.parse(answer.body);
  } catch {
    throw badAnswer(host, "is not JSON, or breaks off");
  }
}

function badAnswer(host: string, fault: string): InteropError {
  return new InteropError({
    reason: "BadAnswer",
    transient: true,
    httpStatus: 200,
    message: `The answer of ${host} ${fault}: nothing in it counts`,
  });
}
