import { ApiError, type FieldCause } from "../../operator/runtime/api-error.ts";

type Status = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 421 | 422 | 429 | 500 | 502 | 503;

/** What a page is told when something did not go: `code` for the page, `detail` for the person. */
export interface ProblemBody {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** What is wrong with fields of a form, by their paths, such as `spec.aws.accountId`. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** A request that cannot be done, with the answer that says so. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: Status;
  readonly code: string;
  readonly fields: Readonly<Record<string, string>> | undefined;

  constructor(status: Status, code: string, detail: string, fields?: Readonly<Record<string, string>>) {
    super(detail);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }

  get body(): ProblemBody {
    const { status, code, message, fields } = this;
    return { status, code, detail: message, ...(fields === undefined ? {} : { fields }) };
  }
}

/** What the API server said, as a problem of the person who asked; anything else is a fault of the console's own. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (!(error instanceof ApiError)) {
    return new Problem(500, "Internal", "Something went wrong in the console. Its log says what.");
  }
  const words = wordsOf(error);
  switch (error.status) {
    case 0:
      return new Problem(
        503,
        "ClusterUnreachable",
        "The cluster does not answer at present. Try again in a moment.",
      );
    case 401:
      return new Problem(
        401,
        "SignedOut",
        "The cluster does not accept your sign-in any more. Sign in again.",
      );
    case 403:
      return new Problem(403, "Forbidden", words);
    case 404:
      return new Problem(404, "NotFound", words);
    case 409:
      return new Problem(409, error.reason === "AlreadyExists" ? "AlreadyExists" : "Conflict", words);
    case 413:
      return new Problem(413, "TooLarge", words);
    case 429:
      return new Problem(
        503,
        "ClusterBusy",
        "The cluster has too much to do at present. Try again in a moment.",
      );
    default:
      if (error.status >= 500) return new Problem(502, "ClusterFailed", words);
      return new Problem(422, "Invalid", words, fieldsOf(error.fields));
  }
}

/** The server's own words, without the request before them. */
function wordsOf(error: ApiError): string {
  const mark = `: ${error.status} ${error.reason}: `;
  const at = error.message.indexOf(mark);
  if (at < 0) return error.message;
  const words = error.message.slice(at + mark.length);
  const denied = /denied request: (?<why>.+)$/su.exec(words)?.groups?.["why"];
  return denied ?? words;
}

/** The kind of fault, and the value that is at fault, which stand before the words. */
const KIND = /^(?:Invalid value|Required value|Unsupported value|Too long)[^:]*(?:: "[^"]*")?: /u;
/** What the server itself says of a pattern; our own rules say the same in words for people. */
const IN_GENERAL = / in body should /u;

/** One sentence for each field of a form: of several the one that is for people. */
function fieldsOf(causes: readonly FieldCause[]): Record<string, string> | undefined {
  const fields: Record<string, string> = {};
  for (const { field, message } of causes) {
    if (!/^(?:spec|metadata)\./u.test(field)) continue;
    const why = message.replace(KIND, "");
    if (fields[field] === undefined || !IN_GENERAL.test(why)) fields[field] = why;
  }
  return Object.keys(fields).length === 0 ? undefined : fields;
}
