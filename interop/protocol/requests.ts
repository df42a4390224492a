import { z } from "zod";

export const ACTIONS = ["info", "status", "message", "provision"] as const;
export type Action = (typeof ACTIONS)[number];

/** One certificate of a `provision` request: `cert` is the PEM text, base64-encoded once more. */
export interface CertificateRequest {
  ref: string;
  cert: string;
}

export type InteropRequest =
  | { action: "info" | "status" | "message" }
  | { action: "provision"; certs: CertificateRequest[] };

/** Node ignores what is not base64; a text that survives the way there and back is base64. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && Buffer.from(text, "base64").toString("base64") === text;
}

const text = (name: string) =>
  z.string({
    error: (issue) => (issue.input === undefined ? `${name} is required` : `${name} must be a string`),
  });

const certificateSchema = z.strictObject(
  {
    ref: text("ref").min(1, "ref must not be empty"),
    cert: text("cert").min(1, "cert must not be empty").refine(isBase64, "cert must be valid base64"),
  },
  { error: unknownMembers("certs entries must be objects") },
);

const actionSchema = z.enum(ACTIONS, {
  error: (issue) =>
    issue.input === undefined ? "action is required" : `action must be one of ${ACTIONS.join(" | ")}`,
});

const requestSchema = z
  .strictObject(
    {
      action: actionSchema,
      /** The entries are read one by one, up to so many faults: they may be millions. */
      certs: z.custom<unknown[]>(Array.isArray, "certs must be an array").optional(),
    },
    { error: unknownMembers("the request must be a JSON object") },
  )
  .superRefine((request, context) => {
    if (request.action === "provision" && request.certs === undefined) {
      context.addIssue({ code: "custom", message: "certs is required with action provision" });
    }
    if (request.action !== "provision" && request.certs !== undefined) {
      context.addIssue({ code: "custom", message: "certs is allowed with action provision only" });
    }
  });

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
 * @returns the request, or up to twenty reasons why it does not fit; those of an entry name it: `certs[3]: …`
 */
export function readRequest(body: unknown): { request: InteropRequest } | { reasons: string[] } {
  const parsed = requestSchema.safeParse(body);
  const reasons = (parsed.error?.issues ?? []).map(({ message }) => message);
  const certs = readEntries(entriesOf(body), reasons);
  if (!parsed.success || reasons.length > 0) return { reasons: reasons.slice(0, MAX_REASONS) };
  const { action } = parsed.data;
  return { request: action === "provision" ? { action, certs } : { action } };
}

function entriesOf(body: unknown): readonly unknown[] {
  if (typeof body !== "object" || body === null || !("certs" in body) || !Array.isArray(body.certs))
    return [];
  return body.certs;
}

/** Adds what is wrong with entries to `reasons`, and stops when those are enough. */
function readEntries(entries: readonly unknown[], reasons: string[]): CertificateRequest[] {
  const certs: CertificateRequest[] = [];
  for (const [index, entry] of entries.entries()) {
    if (reasons.length >= MAX_REASONS) break;
    const read = certificateSchema.safeParse(entry);
    if (read.success) certs.push(read.data);
    else for (const { message } of read.error.issues) reasons.push(`certs[${index}]: ${message}`);
  }
  return certs;
}
