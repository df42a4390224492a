import { createHash, hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Pool } from "undici";
import { isPrivateKeyDer, PrivateKeyScan } from "../../../operator/manifests/private-keys.ts";
import { CsvCutter } from "./csv.ts";
import { Journal } from "./journal.ts";
import { readLoopLeaf } from "./leaf.ts";

/** One reel for the loop. */
export interface LoopJob {
  readonly manifest: string;
  readonly batchId: string;
  /** The whole address that is posted to, and what is sent with it. */
  readonly url: string;
  readonly token: string;
  readonly journal: string;
}

export interface LoopResult {
  readonly sha256: string;
  readonly letIn: number;
  readonly refused: number;
  /** From the first byte read to the last write on disk. */
  readonly seconds: number;
}

const CERTIFICATES = 100;
const IN_FLIGHT = 4;
const CHUNK = 1024 * 1024;
const REQUEST_MS = 60_000;
const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";

/** What goes in one request. */
interface Load {
  body: string;
  readonly refs: Map<string, number>;
}

/**
 * The yardstick: a manifest to a cloud in one process without a queue, a controller or an API server. CSV is cut
 * by hand, certificates are read in place, whoever is met twice is left out, 100 certificates go in a request, and
 * four requests are under way.
 */
export async function runLoop(job: LoopJob): Promise<LoopResult> {
  const started = performance.now();
  const sender = new Sender(job, await Journal.open(job.journal));
  const check = new Check(job.batchId, Date.now());
  const digest = createHash("sha256");
  const keys = new PrivateKeyScan();
  const cutter = new CsvCutter();
  let load: Load = { body: "", refs: new Map() };
  let ordinal = -1;
  let refused = 0;
  const full: Load[] = [];
  const row = ([device, group, certificate]: readonly [Buffer, Buffer, Buffer]): void => {
    ordinal += 1;
    if (ordinal === 0) return;
    const ref = device.toString("latin1");
    const text = check.certificateOf(ref, group, certificate);
    if (text === undefined) {
      refused += 1;
      return;
    }
    load.body += `${load.refs.size === 0 ? "" : ","}{"ref":"${ref}","cert":"${text}"}`;
    load.refs.set(ref, ordinal - 1);
    if (load.refs.size < CERTIFICATES) return;
    full.push(load);
    load = { body: "", refs: new Map() };
  };
  for await (const chunk of createReadStream(job.manifest, {
    highWaterMark: CHUNK,
  }) as AsyncIterable<Buffer>) {
    digest.update(chunk);
    keys.push(chunk);
    // In pieces, so that requests leave while the rest of a chunk is read.
    for (let at = 0; at < chunk.length; at += CHUNK / 8) {
      cutter.push(chunk.subarray(at, at + CHUNK / 8), false, row);
      for (const each of full.splice(0)) await sender.send(each);
    }
  }
  cutter.push(Buffer.alloc(0), true, row);
  for (const each of full.splice(0)) await sender.send(each);
  if (load.refs.size > 0) await sender.send(load);
  const letIn = await sender.finish();
  const seconds = (performance.now() - started) / 1_000;
  return { sha256: digest.digest("hex"), letIn: letIn, refused, seconds };
}

/** Holds each row against those before it. */
class Check {
  readonly #batchId: string;
  readonly #now: number;
  readonly #devices = new Set<string>();
  readonly #certificates = new Set<string>();
  readonly #serials = new Set<string>();

  constructor(batchId: string, now: number) {
    this.#batchId = batchId;
    this.#now = now;
  }

  /** A certificate as it is sent; undefined when its row is refused. */
  certificateOf(device: string, group: Buffer, certificate: Buffer): string | undefined {
    if (!/^[\x21-\x7e]{1,128}$/.test(device) || /["\\]/.test(device)) return undefined;
    if (group.toString("latin1") !== this.#batchId) return undefined;
    const der = derOf(certificate);
    if (der === undefined) return undefined;
    if (isPrivateKeyDer(der)) throw new Error("the manifest holds a private key");
    const leaf = readLoopLeaf(der, this.#now);
    if (typeof leaf === "string") return undefined;
    const fingerprint = hash("sha256", der, "base64");
    if (this.#certificates.has(fingerprint) || this.#devices.has(device)) return undefined;
    // A cloud that names devices by serial number would take the second for the first.
    if (this.#serials.has(leaf.serial)) return undefined;
    this.#certificates.add(fingerprint);
    this.#devices.add(device);
    this.#serials.add(leaf.serial);
    // As it stands in the file: PEM of 64 columns is what v1 wants.
    return certificate.toString("base64");
  }
}

/** The DER of a PEM text that holds one certificate and nothing else, in base64 without other characters. */
function derOf(certificate: Buffer): Buffer | undefined {
  const text = certificate.toString("latin1");
  if (!text.startsWith(BEGIN) || !text.endsWith(`${END}\n`)) return undefined;
  const base64 = text.slice(BEGIN.length, -END.length - 1);
  if (!/^(?:\n[A-Za-z0-9+/]{64})*\n[A-Za-z0-9+/]{1,64}={0,2}\n$/.test(base64)) return undefined;
  return Buffer.from(base64, "base64");
}

/** Four requests under way. */
class Sender {
  readonly #job: LoopJob;
  readonly #journal: Journal;
  readonly #pool: Pool;
  readonly #underWay = new Set<Promise<void>>();
  #letIn = 0;
  #failure: unknown;

  constructor(job: LoopJob, journal: Journal) {
    this.#job = job;
    this.#journal = journal;
    this.#pool = new Pool(new URL(job.url).origin, { connections: IN_FLIGHT });
  }

  async send(load: Load): Promise<void> {
    while (this.#underWay.size >= IN_FLIGHT) await Promise.race(this.#underWay);
    const call = this.#call(load)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#underWay.delete(call));
    this.#underWay.add(call);
  }

  /** @returns devices that were let in. @throws what a request has failed with */
  async finish(): Promise<number> {
    await Promise.all(this.#underWay);
    await this.#journal.close();
    await this.#pool.close();
    if (this.#failure !== undefined) throw this.#failure;
    return this.#letIn;
  }

  async #call({ body, refs }: Load): Promise<void> {
    const { statusCode, body: answer } = await this.#pool.request({
      method: "POST",
      path: new URL(this.#job.url).pathname,
      headers: { "content-type": "application/json", authorization: `Bearer ${this.#job.token}` },
      body: `{"action":"provision","certs":[${body}]}`,
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const entries = (await answer.json()) as { ref: string; status: string }[];
    if (statusCode !== 200) throw new Error(`the callee answered ${statusCode}`);
    const done: number[] = [];
    for (const { ref, status } of entries) {
      const ordinal = refs.get(ref);
      if (ordinal !== undefined && status === "SUCCESS") done.push(ordinal);
    }
    this.#letIn += done.length;
    this.#journal.note(done);
  }
}
