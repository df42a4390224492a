import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { ENTRY_MESSAGES } from "../../../interop/protocol/messages.ts";
import { systemClock } from "../../../operator/runtime/clock.ts";
import { QuotaCloud } from "../cloud/quota.ts";
import { originOf } from "../reels/certificates.ts";
import type { StubManners } from "./manners.ts";
import { serialOf } from "./read-certificate.ts";
import { Tally } from "./tally.ts";

interface CalleeOptions {
  /** Whom it trusts; read again for each token that it has not seen. */
  readonly jwksFile: string;
  readonly audience: string;
  readonly manners: StubManners;
}

interface ProvisionRequest {
  readonly action: string;
  readonly certs?: readonly { readonly ref: string; readonly cert: string }[];
}

const SUCCESS = `"status":"SUCCESS","endpoint":"devices.iot.test.invalid","topic":"iqs","policyApplied":true}`;
const UNDECODABLE = `"status":"ERROR","message":${JSON.stringify(ENTRY_MESSAGES.certificateUndecodable)}}`;
const THROTTLED = `"status":"ERROR","message":${JSON.stringify(ENTRY_MESSAGES.registrationFailed)}}`;

/** Answers interop v1, `GET /tally` with what came, and `POST /reset`. */
export class Callee {
  readonly #options: CalleeOptions;
  readonly #verified = new Map<string, number>();
  #tally = new Tally(Date.now);
  #cloud: QuotaCloud | undefined;

  constructor(options: CalleeOptions) {
    this.#options = options;
    this.#reset();
  }

  async handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (incoming.url === "/tally") {
      answer(outgoing, 200, JSON.stringify(this.#tally.figures()));
      return;
    }
    const body = await readBody(incoming);
    if (incoming.url === "/reset") {
      this.#reset();
      answer(outgoing, 200, "{}");
    } else if (incoming.method !== "POST" || incoming.url?.endsWith("/interop") !== true) {
      answer(outgoing, 404, `{"error":"Not found"}`);
    } else if (await this.#trusts(incoming.headers.authorization ?? "")) {
      await this.#interop(JSON.parse(body) as ProvisionRequest, outgoing);
    } else {
      answer(outgoing, 401, `{"error":"Cannot verify and decode token"}`);
    }
  }

  async #interop({ action, certs }: ProvisionRequest, outgoing: ServerResponse): Promise<void> {
    if (action !== "provision" || certs === undefined) {
      answer(outgoing, 200, `{"action":"info","compatibilityVersion":1}`);
      return;
    }
    const { latencyMs = 0 } = this.#options.manners;
    const tally = this.#tally;
    tally.came(certs.map(({ ref }) => ref));
    let how: "answered" | "throttled" | "timedOut" = "answered";
    try {
      if (latencyMs > 0) await systemClock.sleep(latencyMs);
      const decided = await this.#cloud?.answer(certs.length);
      if (decided !== undefined && decided.status !== 200) {
        how = decided.status === 429 ? "throttled" : "timedOut";
        answer(outgoing, decided.status, `{"message":"${how}"}`);
        return;
      }
      const entries = certs.map(({ ref, cert }, at) => this.#entry(ref, cert, decided?.letIn[at] ?? true));
      answer(outgoing, 200, `[${entries.join(",")}]`);
      if (this.#cloud === undefined) tally.letIn(certs.length);
    } finally {
      tally.ended(certs.length, how);
    }
  }

  #entry(ref: string, cert: string, admitted: boolean): string {
    const head = `{"ref":${JSON.stringify(ref)},`;
    if (!admitted) return head + THROTTLED;
    const fine = serialOf(cert) !== undefined && !this.#rejects(ref);
    return head + (fine ? SUCCESS : UNDECODABLE);
  }

  #rejects(ref: string): boolean {
    const { rejects = 0 } = this.#options.manners;
    if (rejects === 0) return false;
    // Spread as if by chance, and the same ones each time (Knuth's multiplicative hash).
    const ordinal = originOf(ref)?.ordinal ?? 0;
    return (Math.imul(ordinal, 0x9e3779b1) >>> 0) / 2 ** 32 < rejects;
  }

  #reset(): void {
    const { quota } = this.#options.manners;
    const tally = new Tally(Date.now);
    this.#tally = tally;
    if (quota === undefined) return;
    this.#cloud = new QuotaCloud(quota, systemClock, Math.random, (devices) => tally.letIn(devices));
  }

  /** A token is verified once and then known by its text until it expires. */
  async #trusts(header: string): Promise<boolean> {
    const now = Date.now() / 1_000;
    const until = this.#verified.get(header);
    if (until !== undefined) return now < until;
    const keys = JSON.parse(await readFile(this.#options.jwksFile, "utf8")) as JSONWebKeySet;
    const token = header.replace(/^Bearer /, "");
    try {
      const { audience } = this.#options;
      const { payload } = await jwtVerify(token, createLocalJWKSet(keys), { audience });
      this.#verified.set(header, payload.exp ?? 0);
      return true;
    } catch {
      return false;
    }
  }
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}

function answer(outgoing: ServerResponse, status: number, body: string): void {
  outgoing.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  outgoing.end(body);
}
