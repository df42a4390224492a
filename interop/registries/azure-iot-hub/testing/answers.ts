import { z } from "zod";
import { hubError } from "../error-codes.ts";

export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** The request is not as the specification has it. */
export class Violation extends Error {}

/** @throws Violation */
export function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new Violation(z.prettifyError(parsed.error).replaceAll("\n", "; "));
}

/** An error as the service words it; its code may stand in three places. */
export function refusal(
  status: number,
  code: number | undefined,
  { retryAfterS, put = "message" }: { retryAfterS?: number; put?: "errorCode" | "message" | "header" } = {},
): Answer {
  const headers = retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) };
  if (code === undefined) return { status, body: undefined, headers };
  const name = hubError(code)?.name ?? String(code);
  if (put === "header") return { status, body: undefined, headers: { ...headers, "iothub-errorcode": name } };
  if (put === "errorCode") {
    return { status, body: { errorCode: code, trackingId: "t", message: "as worded" }, headers };
  }
  return {
    status,
    body: { Message: `ErrorCode:${name};as worded`, ExceptionMessage: "Tracking ID:t" },
    headers,
  };
}

/** Says how long to wait in words only, as the service does. */
export function throttled(seconds: number): Answer {
  return {
    status: 429,
    headers: { "iothub-errorcode": "ThrottlingBacklogTimeout" },
    body: {
      Message: `ErrorCode:ThrottlingBacklogTimeout;The request has been throttled. Wait ${seconds} seconds and try again. Operation type: RegistryRead`,
      ExceptionMessage: "Tracking ID:t",
    },
  };
}
