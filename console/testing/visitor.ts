import { keepSecret } from "../../tools/process/kept-output.ts";

/** An answer, its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as an object; empty when it is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Sent {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 30_000;

/** A browser as far as the server can tell: keeps cookies, says where its requests come from. */
export class Visitor {
  readonly origin: string;
  readonly cookies = new Map<string, string>();

  constructor(console: URL) {
    this.origin = console.origin;
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return await this.send(path, { headers });
  }

  async post(path: string, body: unknown): Promise<Answer> {
    return await this.send(path, { method: "POST", body });
  }

  async send(path: string, { method = "GET", body, headers = {} }: Sent = {}): Promise<Answer> {
    const response = await this.fetch(path, { method, body, headers }, AbortSignal.timeout(DEADLINE_MS));
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: objectOf(text) };
  }

  /** Objects of an event stream, as they come. @throws when the server does not open one */
  async *events(path: string, signal: AbortSignal): AsyncGenerator<{ event: string; data: unknown }> {
    const response = await this.fetch(path, { headers: { accept: "text/event-stream" } }, signal);
    if (!response.ok || response.body === null) throw new Error(`${path}: ${response.status}`);
    let buffered = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      buffered += chunk;
      for (let end = buffered.indexOf("\n\n"); end >= 0; end = buffered.indexOf("\n\n")) {
        const lines = buffered.slice(0, end).split("\n");
        buffered = buffered.slice(end + 2);
        const of = (name: string): string =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
        yield { event: of("event"), data: of("data") === "" ? undefined : JSON.parse(of("data")) };
      }
    }
  }

  async fetch(
    path: string,
    { method = "GET", body, headers = {} }: Sent,
    signal: AbortSignal,
  ): Promise<Response> {
    const changes = method !== "GET" && method !== "HEAD";
    const response = await fetch(this.origin + path, {
      method,
      redirect: "manual",
      signal,
      headers: {
        ...(this.cookies.size > 0 ? { cookie: this.#cookieHeader() } : {}),
        ...(changes ? { origin: this.origin, "content-type": "application/json" } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    for (const cookie of response.headers.getSetCookie()) this.#keep(cookie);
    return response;
  }

  #cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  #keep(cookie: string): void {
    const { name, value } = /^(?<name>[^=]+)=(?<value>[^;]*)/u.exec(cookie)?.groups ?? {};
    if (name === undefined) return;
    if (value === undefined || value === "" || /max-age=0/iu.test(cookie)) this.cookies.delete(name);
    else {
      keepSecret(`cookie ${name} of the console`, value);
      this.cookies.set(name, value);
    }
  }
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
