import {
  readDeprovisioned,
  readProvisioned,
  readStatus,
  type InfoAnswer,
} from "../../interop/caller/answers.ts";
import type { HttpAnswer } from "../../interop/caller/http.ts";
import { readRefusal } from "../../interop/caller/refusal.ts";
import { type Capability, isCapability } from "../../interop/protocol/capabilities.ts";
import { authorizer, type Credentials } from "./credentials.ts";
import { Entries, type Entry, type ReadEntry } from "./entries.ts";
import type { Exchange } from "./exchange.ts";
import { Unexpected } from "./finding.ts";
import { CHECK_BATCH, type Sample, type Samples } from "./samples.ts";
import { excerpt } from "./text.ts";

export type CertificateAction = "provision" | "status" | "deprovision";

/** A certificate, or something that is none, under a name for the device. */
export interface Item {
  readonly ref: string;
  /** A sample, or a text where a certificate's PEM should be. */
  readonly of: Sample | string;
}

/** A certificate that was sent to be let in, and the best that was ever answered for it. */
export interface SentSample {
  readonly sample: Sample;
  answer: "success" | "error" | "none";
}

export interface SubjectOptions {
  readonly url: string;
  readonly credentials: Credentials;
  readonly exchange: Exchange;
  readonly samples: Samples;
  /** How often, and how many milliseconds apart, something is looked at again that may take a moment. */
  readonly patience: { readonly tries: number; readonly waitMs: number };
  readonly signal: AbortSignal;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

const READERS: Readonly<Record<CertificateAction, ReadEntry>> = {
  provision: (entry) => readProvisioned(entry) !== undefined,
  status: (entry) => readStatus(entry) !== undefined,
  deprovision: (entry) => readDeprovisioned(entry) !== undefined,
};

/** The callee that is checked, talked to as Certferry talks to it: with what it offers and nothing else. */
export class Subject {
  readonly options: SubjectOptions;
  /** What was sent to be let in, by fingerprint. */
  readonly sent = new Map<string, SentSample>();
  offers: ReadonlySet<Capability> = new Set();
  readonly #authorize: () => Promise<string>;
  #secrets: string[] = [];

  constructor(options: SubjectOptions) {
    this.options = options;
    this.#authorize = authorizer(options.credentials);
  }

  get samples(): Samples {
    return this.options.samples;
  }

  learn({ capabilities }: InfoAnswer): void {
    this.offers = new Set(capabilities.filter(isCapability));
  }

  /** Posts with good credentials. */
  async post(body: string | object): Promise<HttpAnswer> {
    return this.postAs(await this.#authorize(), body);
  }

  /** Posts with an Authorization header of any kind, or without. */
  async postAs(authorization: string | undefined, body: string | object): Promise<HttpAnswer> {
    this.#remember(authorization);
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.options.exchange.post(text, authorization);
  }

  async get(url: string, authorized: boolean): Promise<HttpAnswer> {
    const authorization = authorized ? await this.#authorize() : undefined;
    this.#remember(authorization);
    return this.options.exchange.get(url, authorization);
  }

  /** An answer for people: its status and the beginning of its body. */
  show(answer: HttpAnswer): string {
    return `${answer.status} with ${this.showText(answer.body)}`;
  }

  showText(text: string): string {
    const { credentials } = this.options;
    const password = credentials.kind === "basic" ? [credentials.password] : [];
    return excerpt(text, [...this.#secrets, ...password.filter(({ length }) => length >= 4)]);
  }

  /**
   * Asks for something about certificates, as Certferry does.
   * @param more.plain as v1, whatever is offered
   * @throws Unexpected when the answer is not 200 with a list
   */
  async ask(
    action: CertificateAction,
    items: readonly Item[],
    more: { plain?: boolean } = {},
  ): Promise<Entries> {
    const told = (capability: Capability): boolean => more.plain !== true && this.offers.has(capability);
    const body = {
      action,
      ...(told("batch") ? { batch: CHECK_BATCH } : {}),
      ...(told("codes") ? { codes: true } : {}),
      certs: items.map(({ ref, of }) => ({
        ref,
        ...(told("batch") && typeof of !== "string" ? { device: of.device } : {}),
        cert: Buffer.from(typeof of === "string" ? of : of.pem).toString("base64"),
      })),
    };
    if (action === "provision") this.#noteSent(items);
    const answer = await this.post(body);
    if (answer.status !== 200) throw new Unexpected(`${this.show(answer)}, to a request of ${items.length}`);
    const entries = Entries.read(answer.body, READERS[action], (text) => this.showText(text));
    if (entries === undefined) throw new Unexpected(`${this.show(answer)}, which is no list of entries`);
    if (action === "provision") this.#noteAnswers(items, entries);
    return entries;
  }

  /**
   * Lets certificates in, and tries again, as Certferry does, what the callee calls passing.
   * @throws Unexpected when one is not let in
   */
  async letIn(samples: readonly Sample[]): Promise<void> {
    let left = samples.map((of) => ({ ref: of.device, of }));
    let last = "";
    await this.eventually(async () => {
      const entries = await this.ask("provision", left);
      left = left.filter(({ ref }) => entries.of(ref).every(({ outcome }) => outcome !== "success"));
      last = left.map(({ ref }) => entries.show(ref)).join("; ");
      const hopeless = left.some(({ ref }) => entries.of(ref).some((entry) => isFinal(entry)));
      return hopeless || left.length === 0;
    });
    if (left.length > 0) throw new Unexpected(`a good certificate is not let in: ${last}`);
  }

  /** The one entry that an action has for one certificate. @throws Unexpected */
  async askOne(
    action: CertificateAction,
    of: Sample | string,
    more: { plain?: boolean } = {},
  ): Promise<Entry> {
    const ref = typeof of === "string" ? "check-text" : of.device;
    return (await this.ask(action, [{ ref, of }], more)).one(ref);
  }

  /** Whether something is the case now, or after a moment: registries of clouds take a moment. */
  async eventually(isSo: () => Promise<boolean>): Promise<boolean> {
    const { patience, wait, signal } = this.options;
    for (let tries = 1; ; tries += 1) {
      if (await isSo()) return true;
      if (tries >= patience.tries) return false;
      await wait(patience.waitMs, signal);
    }
  }

  #noteSent(items: readonly Item[]): void {
    for (const { of } of items) {
      if (typeof of === "string" || this.sent.has(of.fingerprint)) continue;
      this.sent.set(of.fingerprint, { sample: of, answer: "none" });
    }
  }

  #noteAnswers(items: readonly Item[], entries: Entries): void {
    for (const { ref, of } of items) {
      const noted = typeof of === "string" ? undefined : this.sent.get(of.fingerprint);
      const [first] = entries.of(ref);
      if (noted !== undefined && first !== undefined && noted.answer !== "success")
        noted.answer = first.outcome;
    }
  }

  #remember(authorization: string | undefined): void {
    const secret = authorization?.split(" ").at(-1) ?? "";
    // Short ones are no secrets, and would be found everywhere.
    if (secret.length >= 8)
      this.#secrets = [...this.#secrets.filter((each) => each !== secret), secret].slice(-4);
  }
}

/** Whether an entry says, in Certferry's reading, that trying again is of no use. */
function isFinal(entry: Entry): boolean {
  if (entry.outcome === "success") return false;
  const { message, code, retryable } = entry;
  return !readRefusal({ message, code, retryable }).retryable;
}
