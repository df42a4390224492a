import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";

const CODES: Readonly<Record<string, string>> = {
  ENOTFOUND: "its name cannot be resolved",
  EAI_AGAIN: "its name cannot be resolved at present",
  ECONNREFUSED: "the connection was refused",
  EHOSTUNREACH: "its host cannot be reached",
  ENETUNREACH: "its network cannot be reached",
  UND_ERR_CONNECT_TIMEOUT: "the connection could not be made in time",
  CERT_HAS_EXPIRED: "its TLS certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its TLS certificate is for another host",
};
const UNTRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
/** Names that the egress policy gives its own errors; their messages are made to be shown. */
const POLICY = new Set(["EgressRefused", "CaBundleUnreadable"]);

/** An error on the way to a web server, in words. @param idleMs how long it may be silent */
export function asManifestError(cause: unknown, where: string, idleMs: number): ManifestError {
  if (cause instanceof ManifestError) return cause;
  const policy = errorsOf(cause).find((error) => POLICY.has(error.name));
  if (policy !== undefined) {
    return new ManifestError("SourceNotAllowed", `${where}: ${printable(policy.message, 300)}`, { cause });
  }
  const { why, broken } = connectionTrouble(cause, idleMs);
  const untrusted = UNTRUSTED.has(firstCode(cause)) ? " (caBundle)" : "";
  return new ManifestError("SourceUnavailable", `${where} cannot be fetched: ${why}${untrusted}`, {
    transient: true,
    broken,
    cause,
  });
}

/** Why there was no answer, or no whole one. @param idleMs how long the other end may be silent */
export function connectionTrouble(cause: unknown, idleMs: number): { why: string; broken: boolean } {
  const code = firstCode(cause);
  if (UNTRUSTED.has(code)) return { why: "its TLS certificate is not trusted", broken: false };
  if (CODES[code] !== undefined) return { why: CODES[code], broken: false };
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT") {
    return { why: `nothing came for ${idleMs / 1000} seconds`, broken: true };
  }
  return { why: `the connection broke${code === "" ? "" : ` (${printable(code, 64)})`}`, broken: true };
}

function firstCode(cause: unknown): string {
  return (
    errorsOf(cause)
      .map(codeOf)
      .find((found) => found !== undefined) ?? ""
  );
}

function errorsOf(cause: unknown): Error[] {
  if (!(cause instanceof Error)) return [];
  const inner = cause instanceof AggregateError ? cause.errors : [cause.cause];
  return [cause, ...inner.flatMap(errorsOf)];
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
