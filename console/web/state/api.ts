import type { ProblemBody } from "../../server/problem.ts";
import { t } from "../texts/index.ts";

/** The server refused, or could not be reached (status 0). */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: number;
  readonly code: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Whether the console itself has said so, and not the network or something on the way. */
  readonly isConsoles: boolean;

  /** Says it in the pages' language where the code is known to them, and else in the server's words. */
  constructor({ code, detail, fields, status }: ProblemBody, isConsoles = true) {
    super(textOf(code) ?? detail);
    this.isConsoles = isConsoles;
    this.status = status;
    this.code = code;
    this.fields = fields ?? {};
  }
}

/** What a code of the server's means; undefined where it is told in the server's own words, or is none. */
export function textOf(code: string): string | undefined {
  return Object.hasOwn(t.problems, code) ? t.problems[code] : undefined;
}

const DEADLINE_MS = 30_000;

/**
 * Asks the console's server.
 * @throws Refused
 */
export async function call<T>(
  path: string,
  o: { method?: "GET" | "POST" | "PUT"; body?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  const limit = AbortSignal.timeout(DEADLINE_MS);
  let response: Response;
  try {
    response = await fetch(path, {
      method: o.method ?? "GET",
      headers: {
        accept: "application/json",
        ...(o.method === undefined ? {} : { "content-type": "application/json" }),
      },
      body: o.method === undefined || o.method === "GET" ? null : JSON.stringify(o.body ?? {}),
      signal: o.signal === undefined ? limit : AbortSignal.any([o.signal, limit]),
    });
  } catch (error) {
    if (o.signal?.aborted === true) throw error;
    throw unreachable(0);
  }
  const body: unknown = await response.json().catch(() => undefined);
  // A portal that wants a sign-in of its own says that all is well, in HTML.
  if (response.ok && body !== undefined) return body as T;
  throw isProblem(body) ? new Refused(body) : unreachable(response.status);
}

/** There is no network, or what has answered is not the console. */
function unreachable(status: number): Refused {
  return new Refused({ status, code: "Network", detail: t.errors.network }, false);
}

export async function post<T>(path: string, body: unknown = {}, signal?: AbortSignal): Promise<T> {
  return await call<T>(path, { method: "POST", body, ...(signal === undefined ? {} : { signal }) });
}

/**
 * A file, which may take the server some minutes to make.
 * @throws Refused
 */
export async function fileOf(path: string): Promise<Blob> {
  const response = await fetch(path).catch(() => {
    throw unreachable(0);
  });
  if (response.ok) return await response.blob();
  const body: unknown = await response.json().catch(() => undefined);
  throw isProblem(body) ? new Refused(body) : unreachable(response.status);
}

/** What an error says to a person. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : t.errors.title;
}

/** The path of something in an account. */
export function at(account: string, ...parts: string[]): string {
  return ["/api/accounts", account, ...parts]
    .map((part, i) => (i === 0 ? part : encodeURIComponent(part)))
    .join("/");
}

function isProblem(body: unknown): body is ProblemBody {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body;
}
