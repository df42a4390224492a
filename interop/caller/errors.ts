/** Why a call brought no usable answer. */
export const INTEROP_ERROR_REASONS = [
  "Unauthorized",
  "NameNotResolved",
  "ConnectionRefused",
  "Timeout",
  "CertificateUntrusted",
  "NotAnInteropEndpoint",
  "Throttled",
  "ServerError",
  "BadAnswer",
  "BadRequest",
  "EgressRefused",
  "ConnectionBroken",
] as const;

export type InteropErrorReason = (typeof INTEROP_ERROR_REASONS)[number];

export interface InteropErrorOptions {
  reason: InteropErrorReason;
  message: string;
  /** Whether the same call may succeed later although nobody changes anything. */
  transient: boolean;
  httpStatus?: number | undefined;
  /** How long the callee asks to be left alone, in milliseconds. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/**
 * A call that brought no usable answer. The message is fit for a status condition: it names the host,
 * the HTTP status and what to do, and never holds a token or text of the answer's body.
 */
export class InteropError extends Error {
  override readonly name = "InteropError";
  readonly reason: InteropErrorReason;
  readonly transient: boolean;
  readonly httpStatus?: number;
  readonly retryAfterMs?: number;

  constructor(options: InteropErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = options.reason;
    this.transient = options.transient;
    if (options.httpStatus !== undefined) this.httpStatus = options.httpStatus;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}
