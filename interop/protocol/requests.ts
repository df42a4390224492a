import { z } from "zod";
import type { Capability } from "./capabilities.ts";

/** The actions of v1, in the order in which its errors name them. */
const V1_ACTIONS = ["info", "status", "message", "provision"] as const;
export type Action = (typeof V1_ACTIONS)[number] | "deprovision";

/** One certificate of a request: `cert` is the PEM text, base64-encoded once more. */
export interface CertificateRequest {
  ref: string;
  cert: string;
  /** The vendor's device ID (capability `batch`). */
  device?: string;
}

/** A request about certificates. `status` has them only beyond v1. */
export interface CertificatesRequest {
  action: "provision" | "status" | "deprovision";
  certs: CertificateRequest[];
  /** The Product Batch ID (capability `batch`). */
  batch?: string;
  /** ERROR entries are to have `code` and `retryable` (capability `codes`). */
  codes: boolean;
}

export type InteropRequest = { action: "info" | "status" | "message" } | CertificatesRequest;

/** What a callee offers of what goes beyond v1. */
export type Offers = ReadonlySet<Capability>;

const NOTHING: Offers = new Set();

/** Node ignores what is not base64; a text that survives the way there and back is base64. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && Buffer.from(text, "base64").toString("base64") === text;
}

const text = (name: string) =>
  z.string({
    error: (issue) => (issue.input === undefined ? `${name} is required` : `${name} must be a string`),
  });

/** Goes into names of things and groups, so only what names may hold; who calls ours has a BID or a device ID. */
const name = (what: string) =>
  z
    .string({ error: `${what} must be a string` })
    .regex(/^[A-Za-z0-9][A-Za-z0-9:_.-]{0,127}$/, `${what} must be at most 128 letters, digits, or : _ . -`)
    .exactOptional();

const certificateMembers = {
  ref: text("ref").min(1, "ref must not be empty"),
  cert: text("cert").min(1, "cert must not be empty").refine(isBase64, "cert must be valid base64"),
};

const notObject = { error: unknownMembers("certs entries must be objects") };
const certificateSchema = z.strictObject(certificateMembers, notObject);
const knownDeviceSchema = z.strictObject({ ...certificateMembers, device: name("device") }, notObject);

/** What a request may say to a callee that offers this much; more is refused, so that a slip is seen. */
function requestSchema(offers: Offers) {
  const actions = offers.has("deprovision") ? ([...V1_ACTIONS, "deprovision"] as const) : V1_ACTIONS;
  const members = {
    action: z.enum(actions, {
      error: (issue) =>
        issue.input === undefined ? "action is required" : `action must be one of ${actions.join(" | ")}`,
    }),
    /** The entries are read one by one, up to so many faults: they may be millions. */
    certs: z.custom<unknown[]>(Array.isArray, "certs must be an array").optional(),
    batch: name("batch"),
    codes: z.boolean("codes must be true or false").exactOptional(),
  };
  for (const member of ["batch", "codes"] as const) {
    if (!offers.has(member)) Reflect.deleteProperty(members, member);
  }
  return z
    .strictObject(members, { error: unknownMembers("the request must be a JSON object") })
    .superRefine(({ action, certs, ...more }, context) => {
      const must = action === "provision" || action === "deprovision";
      const may = must || (action === "status" && offers.has("status"));
      const complain = (message: string): void => context.addIssue({ code: "custom", message });
      if (must && certs === undefined) complain(`certs is required with action ${action}`);
      if (!may && certs !== undefined) {
        const v1 = !offers.has("status") && !offers.has("deprovision");
        complain(
          v1 ? "certs is allowed with action provision only" : `certs is not allowed with action ${action}`,
        );
      }
      if (certs === undefined) {
        for (const member of Object.keys(more)) complain(`${member} is allowed with certs only`);
      }
    });
}

function unknownMembers(otherwise: string) {
  return (issue: { code?: string | undefined; keys?: string[] | undefined }): string =>
    issue.code === "unrecognized_keys" ? `${quoteNames(issue.keys ?? [])} is not allowed` : otherwise;
}

/** Names come from the request and go back in an answer: few, short and printable. */
function quoteNames(names: readonly string[]): string {
  return names
    .slice(0, 5)
    .map((name) => name.slice(0, 40).replaceAll(/[^\x20-\x7e]/g, "?"))
    .join(" and ");
}

const MAX_REASONS = 20;

/**
 * Reads a request body (already parsed JSON).
 * @param offers what the callee does beyond v1; the rest is a fault, as it is in v1
 * @returns the request, or up to twenty reasons why it does not fit; those of an entry name it: `certs[3]: …`
 */
export function readRequest(
  body: unknown,
  offers: Offers = NOTHING,
): { request: InteropRequest } | { reasons: string[] } {
  const parsed = requestSchema(offers).safeParse(body);
  const reasons = (parsed.error?.issues ?? []).map(({ message }) => message);
  const certs = readEntries(entriesOf(body), reasons, offers);
  if (!parsed.success || reasons.length > 0) return { reasons: reasons.slice(0, MAX_REASONS) };
  const { action, certs: given, batch, codes } = parsed.data;
  if (action === "info" || action === "message" || given === undefined) {
    return { request: { action: action === "info" || action === "message" ? action : "status" } };
  }
  return { request: { action, certs, codes: codes === true, ...(batch === undefined ? {} : { batch }) } };
}

function entriesOf(body: unknown): readonly unknown[] {
  if (typeof body !== "object" || body === null || !("certs" in body) || !Array.isArray(body.certs))
    return [];
  return body.certs;
}

/** Adds what is wrong with entries to `reasons`, and stops when those are enough. */
function readEntries(entries: readonly unknown[], reasons: string[], offers: Offers): CertificateRequest[] {
  const schema = offers.has("batch") ? knownDeviceSchema : certificateSchema;
  const certs: CertificateRequest[] = [];
  for (const [index, entry] of entries.entries()) {
    if (reasons.length >= MAX_REASONS) break;
    const read = schema.safeParse(entry);
    if (read.success) certs.push(read.data);
    else for (const { message } of read.error.issues) reasons.push(`certs[${index}]: ${message}`);
  }
  return certs;
}
