import { type Dispatcher, request } from "undici";
import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import { authorizationOf } from "./credentials.ts";
import type { EgressPolicy, OpenedSource, ReadSecret, SourceOf } from "./port.ts";

const MAX_REDIRECTS = 5;

export interface HttpOptions {
  egress: EgressPolicy;
  readSecret: ReadSecret;
  /** How long to wait for the header, and then for each next piece of the body. */
  idleMs: number;
}

/** A file on a web server, fetched with GET. Redirects are followed within the same host only. */
export function httpSource(source: SourceOf<"http">, options: HttpOptions): OpenedSource {
  const url = URL.parse(source.url);
  if (url === null) throw new ManifestError("SourceNotAllowed", "spec.manifest.http.url is no web address");
  const where = withoutSecrets(url);
  return {
    where,
    async *bytes(signal) {
      const headers = await headersFor(source, url, options.readSecret, signal);
      const dispatcher = dispatcherFor(options.egress, source.caBundle, where);
      try {
        const answer = await get(url, headers, dispatcher, options.idleMs, signal);
        for await (const chunk of answer.body) yield chunk as Buffer;
      } catch (cause) {
        signal.throwIfAborted();
        throw asManifestError(cause, where, options.idleMs);
      } finally {
        await dispatcher.destroy();
      }
    },
  };
}

async function headersFor(
  source: SourceOf<"http">,
  url: URL,
  readSecret: ReadSecret,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const headers = { accept: "text/csv, application/x-7z-compressed, */*", "accept-encoding": "identity" };
  if (source.secretRef === undefined) return headers;
  if (url.protocol !== "https:" && !staysInside(url.hostname)) {
    throw new ManifestError(
      "SourceNotAllowed",
      `${withoutSecrets(url)} must be https: the Secret's credentials would be sent in the clear`,
    );
  }
  return { ...headers, authorization: await authorizationOf(source.secretRef.name, readSecret, signal) };
}

/** Plain http that does not leave this machine or the cluster. */
function staysInside(hostname: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|.+\.svc(?:\.cluster\.local)?)$/i.test(hostname);
}

function dispatcherFor(egress: EgressPolicy, caBundle: string | undefined, where: string): Dispatcher {
  try {
    return egress.dispatcher(caBundle === undefined ? {} : { ca: caBundle });
  } catch (cause) {
    throw asManifestError(cause, where, 0);
  }
}

async function get(
  start: URL,
  headers: Record<string, string>,
  dispatcher: Dispatcher,
  idleMs: number,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  let url = start;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const answer = await request(url, {
      dispatcher,
      headers,
      headersTimeout: idleMs,
      bodyTimeout: idleMs,
      signal,
    });
    if (answer.statusCode === 200) {
      const encoding = answer.headers["content-encoding"] ?? "identity";
      if (encoding === "identity") return answer;
      throw new ManifestError(
        "SourceUnavailable",
        `${withoutSecrets(url)} sends the file with Content-Encoding ${printable(String(encoding), 32)}, which was not asked for`,
      );
    }
    // The body of an answer that is not the file is of no use; the connection goes with the dispatcher.
    answer.body.on("error", () => {}).destroy();
    if (![301, 302, 303, 307, 308].includes(answer.statusCode)) throw refused(answer.statusCode, url);
    url = redirected(url, answer.headers["location"]);
  }
  throw new ManifestError(
    "SourceUnavailable",
    `${withoutSecrets(start)} redirects more than ${MAX_REDIRECTS} times`,
  );
}

function redirected(from: URL, location: string | string[] | undefined): URL {
  const target = typeof location === "string" ? location : "";
  const to = target === "" ? null : URL.parse(target, from.href);
  if (to === null) {
    throw new ManifestError("SourceUnavailable", `${withoutSecrets(from)} redirects to nowhere`);
  }
  // From port 80 to port 443: behind another port is somebody else, perhaps, and the credentials go along.
  const upgraded =
    from.protocol === "http:" &&
    to.protocol === "https:" &&
    from.hostname === to.hostname &&
    from.port === "" &&
    to.port === "";
  if (upgraded || to.origin === from.origin) return to;
  throw new ManifestError(
    "SourceNotAllowed",
    `${withoutSecrets(from)} redirects to another host or port (${to.protocol}//${printable(to.host, 100)}): if that is right, use the address it leads to`,
  );
}

function refused(status: number, url: URL): ManifestError {
  const meaning: Record<number, string> = {
    401: "the credentials are missing or wrong (secretRef)",
    403: "the server forbids it; check the credentials (secretRef)",
    404: "the file is not there",
    410: "the file is gone",
    429: "the server asks for a slower pace",
  };
  const why = meaning[status] ?? "the server did not give the file";
  const transient = status === 404 || status === 408 || status === 425 || status === 429 || status >= 500;
  return new ManifestError("SourceUnavailable", `${withoutSecrets(url)} answered ${status}: ${why}`, {
    transient,
  });
}

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

function asManifestError(cause: unknown, where: string, idleMs: number): ManifestError {
  if (cause instanceof ManifestError) return cause;
  const policy = errorsOf(cause).find((error) => POLICY.has(error.name));
  if (policy !== undefined) {
    return new ManifestError("SourceNotAllowed", `${where}: ${printable(policy.message, 300)}`, { cause });
  }
  const code =
    errorsOf(cause)
      .map(codeOf)
      .find((found) => found !== undefined) ?? "";
  const unavailable = (why: string, broken: boolean): ManifestError =>
    new ManifestError("SourceUnavailable", `${where} cannot be fetched: ${why}`, {
      transient: true,
      broken,
      cause,
    });
  if (UNTRUSTED.has(code)) return unavailable("its TLS certificate is not trusted (caBundle)", false);
  if (CODES[code] !== undefined) return unavailable(CODES[code], false);
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT") {
    return unavailable(`nothing came for ${idleMs / 1000} seconds`, true);
  }
  return unavailable(`the connection broke${code === "" ? "" : ` (${printable(code, 64)})`}`, true);
}

function errorsOf(cause: unknown): Error[] {
  if (!(cause instanceof Error)) return [];
  const inner = cause instanceof AggregateError ? cause.errors : [cause.cause];
  return [cause, ...inner.flatMap(errorsOf)];
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Scheme, host and path: user names, queries and fragments may hold secrets. */
function withoutSecrets(url: URL): string {
  return printable(`${url.origin}${url.pathname}`, 300);
}
