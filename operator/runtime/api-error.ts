/** What the API server says of one field of a refused object. */
export interface FieldCause {
  /** Such as `spec.aws.accountId`. */
  readonly field: string;
  /** Such as `Invalid value: "12": must be an AWS account ID`. */
  readonly message: string;
}

/** What an {@link ApiError} is made of besides its message. */
export interface ApiErrorDetail {
  /** The HTTP status; 0 when no answer came. */
  status: number;
  /** The machine-readable reason: `NotFound`, `Conflict`, `Timeout`, `ConnectionFailed` … */
  reason: string;
  retryAfterMs?: number;
  /** Of a refused object: what is wrong with which field, several times with one perhaps, in no order. */
  fields?: readonly FieldCause[];
  cause?: unknown;
}

/**
 * The API server refused a request, or could not be asked (status 0: reason `Timeout`, `ConnectionFailed`,
 * `ConnectionBroken`, `Stalled`, `Credentials`, `Closed`, `NotLeading` or `BadAnswer`). The message names the request and the server's
 * own words where these are a Kubernetes Status; never the body of a Secret, a token or a foreign page.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs?: number;
  readonly fields: readonly FieldCause[];

  constructor(message: string, detail: ApiErrorDetail) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.status = detail.status;
    this.reason = detail.reason;
    this.fields = detail.fields ?? [];
    if (detail.retryAfterMs !== undefined) this.retryAfterMs = detail.retryAfterMs;
  }
}

/** The object is not there (404). */
export function isNotFound(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 404;
}

/** The object has changed since it was read (409, reason Conflict). */
export function isConflict(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 409 && error.reason === "Conflict";
}

/** An object of that name is there already (409, reason AlreadyExists). */
export function isAlreadyExists(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 409 && error.reason === "AlreadyExists";
}

/** The resource version asked for has been compacted away (410): list anew. */
export function isGone(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 410 || error.reason === "Expired");
}

/** No answer, or one that asks for another try: 429 and 5xx. What this process must not send any more is neither. */
export function isTransient(error: unknown): error is ApiError {
  if (!(error instanceof ApiError) || error.reason === "NotLeading") return false;
  return error.status === 0 || error.status === 429 || error.status >= 500;
}
