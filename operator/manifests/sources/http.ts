import { type Dispatcher, request } from "undici";
import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import { authorizationOf } from "./credentials.ts";
import { asManifestError } from "./http-errors.ts";
import type { EgressPolicy, OpenedSource, ReadSecret, SourceOf } from "./port.ts";
import { changed, type Part, type Position, resumed } from "./resume.ts";

const MAX_REDIRECTS = 5;

export interface HttpOptions {
  egress: EgressPolicy;
  readSecret: ReadSecret;
  /** How long to wait for the header, and then for each next piece of the body. */
  idleMs: number;
  /** Before a broken download goes on; 500 ms unless given. */
  retryPauseMs?: number;
}

/**
 * A file on a web server, fetched with GET. A download that breaks off goes on where it was, where the server can do
 * that and names the file's version. Redirects are followed within the same host only.
 */
export function httpSource(source: SourceOf<"http">, options: HttpOptions): OpenedSource {
  const url = URL.parse(source.url);
  if (url === null) throw new ManifestError("SourceNotAllowed", "spec.manifest.http.url is no web address");
  const where = withoutSecrets(url);
  return {
    where,
    async *bytes(signal) {
      const headers = await headersFor(source, url, options.readSecret, signal);
      const dispatcher = dispatcherFor(options.egress, source.caBundle, where);
      const wire = { headers, dispatcher, idleMs: options.idleMs, signal };
      const pace = { where, pauseMs: options.retryPauseMs ?? 500 };
      try {
        yield* resumed((position) => partOf(url, position, wire), pace, signal);
      } finally {
        await dispatcher.destroy();
      }
    },
  };
}

/** What the requests for one file have in common. */
interface Wire {
  readonly headers: Record<string, string>;
  readonly dispatcher: Dispatcher;
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

async function partOf(url: URL, position: Position | undefined, wire: Wire): Promise<Part> {
  const where = withoutSecrets(url);
  try {
    const range =
      position === undefined ? {} : { range: `bytes=${position.offset}-`, "if-range": position.version };
    const answer = await get(url, { ...wire, headers: { ...wire.headers, ...range } });
    const { "content-length": length, "content-range": place } = answer.headers;
    const bytes = bodyOf(answer, where, wire);
    const version = versionOf(answer.headers);
    const whole = typeof length === "string" && /^\d+$/.test(length) ? Number(length) : undefined;
    if (answer.statusCode === 200) return { from: 0, version, total: whole, bytes };
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(String(place)) ?? [];
    if (from === undefined || position === undefined) throw changed(where);
    return { from: Number(from), version, total: total === "*" ? undefined : Number(total), bytes };
  } catch (cause) {
    wire.signal.throwIfAborted();
    throw asManifestError(cause, where, wire.idleMs);
  }
}

async function* bodyOf(answer: Dispatcher.ResponseData, where: string, wire: Wire): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of answer.body) yield chunk as Buffer;
  } catch (cause) {
    wire.signal.throwIfAborted();
    throw asManifestError(cause, where, wire.idleMs);
  }
}

/** How old a file must be for its date to name one version of it: RFC 9110, 8.8.2.2, and then some. */
const SETTLED_MS = 60_000;

/** A validator that If-Range takes (RFC 9110, 13.1.5): a strong entity tag, or a date that is one. */
function versionOf(headers: Dispatcher.ResponseData["headers"]): string | undefined {
  const { etag, date, "last-modified": modified } = headers;
  if (typeof etag === "string" && etag.startsWith('"')) return etag;
  if (etag !== undefined || typeof modified !== "string" || typeof date !== "string") return undefined;
  return Date.parse(date) - Date.parse(modified) >= SETTLED_MS ? modified : undefined;
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

/** @throws ManifestError SourceNotAllowed for a bundle that cannot be read */
export function dispatcherFor(egress: EgressPolicy, caBundle: string | undefined, where: string): Dispatcher {
  try {
    return egress.dispatcher(caBundle === undefined ? {} : { ca: caBundle });
  } catch (cause) {
    throw asManifestError(cause, where, 0);
  }
}

async function get(
  start: URL,
  { headers, dispatcher, idleMs, signal }: Wire,
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
    if (answer.statusCode === 200 || (answer.statusCode === 206 && headers["range"] !== undefined)) {
      const encoding = answer.headers["content-encoding"] ?? "identity";
      if (encoding === "identity") return answer;
      throw new ManifestError(
        "SourceUnavailable",
        `${withoutSecrets(url)} sends the file with Content-Encoding ${printable(String(encoding), 32)}, which was not asked for`,
      );
    }
    // The body of an answer that is not the file is of no use; the connection goes with the dispatcher.
    answer.body.on("error", () => {}).destroy();
    if (answer.statusCode === 416) throw changed(withoutSecrets(url));
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

/** Scheme, host and path: user names, queries and fragments may hold secrets. */
function withoutSecrets(url: URL): string {
  return printable(`${url.origin}${url.pathname}`, 300);
}
