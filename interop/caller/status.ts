import { InteropError, type InteropErrorOptions } from "./errors.ts";
import type { HttpAnswer } from "./http.ts";
import { readRetryAfter } from "./retry-after.ts";

export interface StatusContext {
  /** Host and port that was posted to. */
  host: string;
  auth: "bearer" | "basic";
  /** Milliseconds since the epoch. */
  now: number;
}

/**
 * What an answer other than 200 means. Amazon API Gateway answers for itself, too: it knows no such
 * stage or path (403), is throttled (429) or waited too long for the function behind it (504); see its
 * "Gateway response types".
 */
export function explainStatus(answer: HttpAnswer, context: StatusContext): InteropError {
  const { host } = context;
  const retryAfterMs = readRetryAfter(answer.headers["retry-after"], context.now);
  return new InteropError({
    httpStatus: answer.status,
    retryAfterMs,
    ...explain(answer, host, context.auth),
  });
}

type Explanation = Pick<InteropErrorOptions, "reason" | "transient" | "message">;

function explain(answer: HttpAnswer, host: string, auth: "bearer" | "basic"): Explanation {
  const { status } = answer;
  const saying = `${host} answered ${status}`;
  if (status === 401) return unauthorized(saying, auth);
  if (status === 403) {
    return isUnknownToGateway(answer)
      ? notInterop(
          `${saying}: the gateway knows no such stage or path. Check the API Gateway ID and the stage`,
        )
      : unauthorized(saying, auth);
  }
  if (status === 404 || status === 405) return notInterop(`${saying} to POST: check the path of the address`);
  if (status >= 300 && status < 400) {
    return notInterop(`${saying}, a redirect, which is not followed: give the address it leads to`);
  }
  if (status === 408 || status === 504) {
    return {
      reason: "Timeout",
      transient: true,
      message: `${saying}: the product cloud did not finish in time. Smaller requests may help`,
    };
  }
  if (status === 429) {
    return { reason: "Throttled", transient: true, message: `${saying}: it asks for fewer requests` };
  }
  if (status >= 500) {
    return {
      reason: "ServerError",
      transient: true,
      message: `${saying}: the product cloud failed. Its own log says why`,
    };
  }
  if (status === 413) {
    return { reason: "BadRequest", transient: false, message: `${saying}: the request is too large for it` };
  }
  if (status >= 400) {
    return { reason: "BadRequest", transient: false, message: `${saying}: it does not take the request` };
  }
  return { reason: "BadAnswer", transient: true, message: `${saying} instead of 200` };
}

function notInterop(message: string): Explanation {
  return { reason: "NotAnInteropEndpoint", transient: false, message };
}

function unauthorized(saying: string, auth: "bearer" | "basic"): Explanation {
  const message =
    auth === "bearer"
      ? `${saying}: it does not accept this account's token. Check that it trusts the account's public key, and that the account or subscription ID is its own`
      : `${saying}: it does not accept the user name and password`;
  return { reason: "Unauthorized", transient: false, message };
}

const GATEWAY_REFUSALS = new Set(["Forbidden", "Missing Authentication Token"]);

/** Only compared with known texts: nothing of a body goes into a message. */
function isUnknownToGateway(answer: HttpAnswer): boolean {
  try {
    const body: unknown = JSON.parse(answer.body);
    if (typeof body !== "object" || body === null || !("message" in body)) return false;
    return typeof body.message === "string" && GATEWAY_REFUSALS.has(body.message);
  } catch {
    return false;
  }
}
