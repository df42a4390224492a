import { ApiError } from "../operator/runtime/api-error.ts";
import { BatchIdError } from "../desk/batch-id.ts";
import { CliError, EXIT, type ExitCode, Interrupted } from "./exit.ts";
import { howToGet, missingRight, rightInWords } from "./rights.ts";

/** What is told of a failure, and how the process ends. */
export interface Explanation {
  readonly exit: ExitCode;
  readonly message: string;
  readonly hint?: string | undefined;
}

const POLICY = /ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request: (?<why>.*)$/s;
const NO_NAMESPACE = /^namespaces "[^"]*" not found$/;
const CHOOSE =
  "An account is a namespace: choose one with -n NAME, or make this one: the command keys init makes the namespace too";
const NOT_INSTALLED =
  "Certferry's kinds are not in this cluster. Is it the right one (--context)? If so, install Certferry first: docs/install.md; the command doctor looks at all of it";

/** Any failure in words for people: never a stack, never what a Secret holds. */
export function explain(error: unknown): Explanation {
  if (error instanceof CliError) return error;
  if (error instanceof Interrupted) return { exit: error.exit, message: "" };
  if (error instanceof BatchIdError) return { exit: EXIT.usage, message: error.message };
  if (error instanceof ApiError) return explainApi(error);
  return explainOther(error);
}

function explainApi(error: ApiError): Explanation {
  const words = wordsOf(error);
  const fields = fieldsIn(words);
  if (fields !== undefined) return { exit: EXIT.refused, message: fields };
  switch (error.status) {
    case 0:
      return unreachable(error);
    case 401:
      return {
        exit: EXIT.forbidden,
        message: "the cluster did not accept your credentials",
        hint: "Log in again as your cluster wants it, or choose another user with --context",
      };
    case 403:
      return forbidden(words);
    case 404:
      if (NO_NAMESPACE.test(words)) return { exit: EXIT.notFound, message: words, hint: CHOOSE };
      return /could not find the requested resource/.test(words)
        ? { exit: EXIT.notFound, message: "the cluster does not know this kind", hint: NOT_INSTALLED }
        : { exit: EXIT.notFound, message: words };
    case 400:
    case 409:
    case 422:
      return { exit: EXIT.refused, message: words };
    default:
      return { exit: EXIT.failed, message: `the cluster answered ${error.status}: ${words}` };
  }
}

/**
 * Which fields are wrong, where that is all that the server has against an object. To a server-side apply it says so with
 * a 500: kubernetes-sigs/structured-merge-diff, typed/validate.go.
 */
function fieldsIn(words: string): string | undefined {
  const [, strict] = /strict decoding error: (.*)$/s.exec(words) ?? [];
  if (strict !== undefined) return strict;
  const unknown = [...words.matchAll(/\.([\w.[\]]+): field not declared in schema/g)];
  return unknown.length === 0 ? undefined : unknown.map(([, field]) => `unknown field "${field}"`).join(", ");
}

/** Whether the person has not the right to it. */
export function isForbidden(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 403;
}

/** Whether the server would not take an object as it is, whoever brings it. */
export function isRefusal(error: unknown): error is ApiError {
  if (!(error instanceof ApiError)) return false;
  const { status } = error;
  return (status >= 400 && status < 500 && status !== 401) || fieldsIn(wordsOf(error)) !== undefined;
}

function forbidden(words: string): Explanation {
  const right = missingRight(words);
  if (right !== undefined) {
    const message = `you (${right.user}) may not ${rightInWords(right)}`;
    return { exit: EXIT.forbidden, message, hint: howToGet(right) };
  }
  const policy = POLICY.exec(words)?.groups?.["why"];
  return { exit: EXIT.forbidden, message: policy ?? words };
}

function unreachable(error: ApiError): Explanation {
  const message = error.message.replace(/^(?:GET|POST|PUT|PATCH|DELETE|watch of) \S+: /, "");
  if (error.reason === "Credentials") return { exit: EXIT.forbidden, message };
  const hint = "Is it the right cluster (--context), and is it up? kubectl version asks it too";
  return { exit: EXIT.unreachable, message, hint };
}

/** The server's own words, without the request before them. */
function wordsOf({ message, status, reason }: ApiError): string {
  const mark = `: ${status} ${reason}`;
  const at = message.indexOf(mark);
  if (at < 0) return message;
  const words = message.slice(at + mark.length).replace(/^: /, "");
  return words === "" ? `${status} ${reason}` : words;
}

function explainOther(error: unknown): Explanation {
  // By name: these are errors of rooms that a command loads when it needs them.
  if (error instanceof Error && error.name === "ManifestError") {
    return explainManifest(error);
  }
  if (error instanceof Error && error.name === "LocalFileError") {
    return { exit: EXIT.usage, message: error.message };
  }
  if (error instanceof Error && error.name === "UploadError") {
    const taken = Reflect.get(error, "taken") === true;
    return { exit: taken ? EXIT.refused : EXIT.failed, message: error.message };
  }
  if (error instanceof Error && error.name === "LedgerFormatError") {
    return { exit: EXIT.failed, message: error.message };
  }
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  if (error instanceof Error && typeof code === "string" && /^E[A-Z]+$/.test(code)) {
    return { exit: EXIT.failed, message: error.message };
  }
  return {
    exit: EXIT.failed,
    message: `this is a fault of the command itself: ${error instanceof Error ? error.message : String(error)}`,
    hint: "Run it again with CERTFERRY_DEBUG=1 for where it happened, and report it",
  };
}

/** Why a manifest cannot be had or used; a missing right is what counts where that is the cause. */
function explainManifest(error: Error): Explanation {
  if (error.cause instanceof ApiError && error.cause.status === 403) {
    const { exit, message, hint } = explainApi(error.cause);
    return {
      exit,
      message: `the manifest cannot be read: ${message}`,
      hint: `${hint ?? ""}\n${WITH_A_FILE}`,
    };
  }
  const reason: unknown = Reflect.get(error, "reason");
  const elsewhere =
    reason === "SourceUnavailable" || reason === "SourceNotAllowed" || reason === "DigestMismatch";
  return { exit: EXIT.refused, message: error.message, hint: elsewhere ? WITH_A_FILE : undefined };
}

const WITH_A_FILE =
  "If you have the manifest as the vendor shipped it: --manifest FILE (it is checked against the SHA-256 of the binding)";
