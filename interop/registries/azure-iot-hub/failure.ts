import { z } from "zod";
import { readRetryAfter } from "../../caller/retry-after.ts";
import { hubError, meaningOfStatus, type Meaning } from "./error-codes.ts";

/** Why the hub did not do what it was asked. Holds nothing of its answer but codes. */
export interface HubFailure {
  readonly meaning: Meaning;
  /** For logs: the hub's name for it, or what became of the request. */
  readonly reason: string;
  /** HTTP status, or the first three digits of the code, which are the same. */
  readonly status?: number;
  /** How long the hub wants to be left alone, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** What the hub says, or why it did not. */
export type HubAnswer<T> = { readonly value: T } | { readonly failure: HubFailure };

export interface HttpExchange {
  status: number;
  /** By lower-case name. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
}

const errorBodySchema = z.object({
  Message: z.string().optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  errorCode: z.union([z.number(), z.string()]).optional().catch(undefined),
});

/**
 * Reads an answer that is no success. The code is where the hub happens to put it: as `errorCode` of the body
 * or of the JSON in its `Message`, as `ErrorCode:Name;…` in that message, or in the header `iothub-errorcode`.
 * When throttled, the hub names its wait in the header or only in words ("Wait 10 seconds and try again").
 * @param now milliseconds since the epoch
 */
export function readFailure(answer: HttpExchange, now: number): HubFailure {
  const { status, headers, body } = answer;
  const { code, text } = readErrorBody(body);
  const header = headers["iothub-errorcode"];
  const named = code ?? (Array.isArray(header) ? header[0] : header);
  const known = named === undefined ? undefined : hubError(named);
  const meaning = known?.meaning ?? meaningOfStatus(status);
  const retryAfterMs = readRetryAfter(headers["retry-after"], now) ?? waitInWords(text);
  return {
    meaning,
    reason: known === undefined ? `HTTP ${status}` : `${known.code} ${known.name}`,
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Reads the error of one device in a bulk's answer. */
export function deviceFailure(errorCode: number | string | undefined): HubFailure {
  const known = errorCode === undefined ? undefined : hubError(errorCode);
  const code = known?.code ?? Number(errorCode);
  if (Number.isNaN(code)) return { meaning: "Failed", reason: "an error that is not documented" };
  const status = Math.floor(code / 1000);
  const meaning = known?.meaning ?? meaningOfStatus(status);
  return { meaning, status, reason: known === undefined ? String(code) : `${code} ${known.name}` };
}

function readErrorBody(body: string): { code?: number | string; text: string } {
  const outer = errorBodySchema.safeParse(parseJson(body));
  if (!outer.success) return { text: "" };
  const text = outer.data.Message ?? outer.data.message ?? "";
  const inner = errorBodySchema.safeParse(parseJson(text));
  const code =
    outer.data.errorCode ??
    (inner.success ? inner.data.errorCode : undefined) ??
    /ErrorCode:\s*(\w+)/i.exec(text)?.[1];
  return code === undefined ? { text } : { code, text };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function waitInWords(text: string): number | undefined {
  const [, seconds] = /\bwait (\d{1,4}) seconds?\b/i.exec(text) ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
