import { InteropError, type InteropErrorReason } from "./errors.ts";

interface Explanation {
  reason: InteropErrorReason;
  transient: boolean;
  text: (host: string) => string;
}

const UNTRUSTED_HINT = "If that CA is meant, give it as caBundle";

/** What is wrong with a server's certificate, by Node's error code (OpenSSL's verify errors). */
const CERTIFICATE_FAULTS = new Map<string, string>([
  ["CERT_HAS_EXPIRED", "has expired. Renew it at the product cloud"],
  ["CERT_NOT_YET_VALID", "is not valid yet. Check both clocks"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", `is self-signed. ${UNTRUSTED_HINT}`],
  ["SELF_SIGNED_CERT_IN_CHAIN", `is signed by a CA that is not trusted. ${UNTRUSTED_HINT}`],
  ["UNABLE_TO_GET_ISSUER_CERT", `is signed by a CA that is not known. ${UNTRUSTED_HINT}`],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", `is signed by a CA that is not known. ${UNTRUSTED_HINT}`],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", `is signed by a CA that is not known. ${UNTRUSTED_HINT}`],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "is for another host name. Check the address"],
  ["CERT_REVOKED", "is revoked"],
  ["CERT_SIGNATURE_FAILURE", "bears a signature that does not fit"],
  ["CERT_CHAIN_TOO_LONG", "has too long a chain"],
  ["INVALID_CA", "is signed by a certificate that may not sign"],
  ["PATH_LENGTH_EXCEEDED", "has a longer chain than its CA allows"],
  ["INVALID_PURPOSE", "is not for servers"],
  ["CERT_UNTRUSTED", `is not trusted. ${UNTRUSTED_HINT}`],
  ["CERT_REJECTED", "is rejected"],
  ["HOSTNAME_MISMATCH", "is for another host name. Check the address"],
]);

const GATEWAY_HINT = "check the API Gateway ID and the region";

function unresolved(host: string): string {
  return host.includes(".execute-api.") ? GATEWAY_HINT : "check the address";
}

/** Failures before or while an answer came, by the `code` of Node or undici. */
const FAILURES = new Map<string, Explanation>([
  [
    "ENOTFOUND",
    {
      reason: "NameNotResolved",
      transient: false,
      text: (host) => `The name ${host} does not exist: ${unresolved(host)}`,
    },
  ],
  [
    "EAI_AGAIN",
    {
      reason: "NameNotResolved",
      transient: true,
      text: (host) => `The name ${host} could not be resolved: the name server did not answer`,
    },
  ],
  [
    "ECONNREFUSED",
    {
      reason: "ConnectionRefused",
      transient: true,
      text: (host) => `${host} refused the connection: is it running, and is the port right?`,
    },
  ],
  [
    "UND_ERR_PRX_TLS",
    {
      reason: "CertificateUntrusted",
      transient: false,
      text: (host) => `The proxy on the way to ${host} shows a certificate that is not trusted`,
    },
  ],
  [
    "UND_ERR_PRX_CONN",
    {
      reason: "ConnectionBroken",
      transient: true,
      text: (host) => `The proxy on the way to ${host} closed the connection`,
    },
  ],
]);

const TIMEOUTS = new Set([
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);

const UNREACHABLE = new Set(["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "EADDRNOTAVAIL"]);

/** A server that does not speak TLS, or not HTTP, at the other end. */
const OTHER_PROTOCOL = /^(ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)|HPE_)/;

/**
 * Turns a thrown network, TLS or undici error into an InteropError.
 * @param host host and port of the address that was posted to
 */
export function explainFailure(error: unknown, host: string): InteropError {
  if (error instanceof InteropError) return error;
  const code = codeOf(error);
  const known = explain(code, error);
  return new InteropError({
    reason: known.reason,
    transient: known.transient,
    message: known.text(host),
    cause: error,
  });
}

function explain(code: string, error: unknown): Explanation {
  const known = FAILURES.get(code);
  if (known !== undefined) return known;
  const fault = CERTIFICATE_FAULTS.get(code);
  if (fault !== undefined) {
    return {
      reason: "CertificateUntrusted",
      transient: false,
      text: (host) => `The certificate of ${host} ${fault}`,
    };
  }
  if (code === "EGRESS_REFUSED" || code === "CA_BUNDLE_UNREADABLE") {
    const message = (error as Error).message;
    const reason = code === "EGRESS_REFUSED" ? "EgressRefused" : "CertificateUntrusted";
    return { reason, transient: false, text: () => message };
  }
  if (TIMEOUTS.has(code)) {
    return { reason: "Timeout", transient: true, text: (host) => `${host} did not answer in time` };
  }
  if (OTHER_PROTOCOL.test(code)) {
    return {
      reason: "NotAnInteropEndpoint",
      transient: false,
      text: (host) => `${host} does not speak the protocol of the address: check scheme and port`,
    };
  }
  return { reason: "ConnectionBroken", transient: true, text: (host) => broken(code, host, error) };
}

function broken(code: string, host: string, error: unknown): string {
  if (UNREACHABLE.has(code)) return `${host} cannot be reached (${code}): check the network on the way`;
  const proxy = /^Proxy response \((\d{3})\)/.exec(error instanceof Error ? error.message : "");
  if (proxy !== null) return `The proxy on the way to ${host} answered ${proxy[1]}: check the proxy's rules`;
  return `The connection to ${host} broke before the whole answer came${code === "" ? "" : ` (${code})`}`;
}

/** The first code among an error, what caused it, and (when several addresses were tried) its parts. */
function codeOf(error: unknown, depth = 0): string {
  if (!(error instanceof Error) || depth > 4) return "";
  if ("code" in error && typeof error.code === "string" && error.code !== "UND_ERR_SOCKET") return error.code;
  const parts: unknown[] = error instanceof AggregateError ? error.errors : [];
  for (const part of [error.cause, ...parts]) {
    const code = codeOf(part, depth + 1);
    if (code !== "") return code;
  }
  return "";
}
