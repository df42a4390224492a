import { createHash, randomBytes } from "node:crypto";
import type { KubeConfig } from "@kubernetes/client-node";
import type { KubeClient } from "../../operator/runtime/client.ts";
import type { Clock, Timer } from "../../operator/runtime/clock.ts";
import type { Logger } from "../../operator/runtime/logger.ts";
import { Views } from "../views/views.ts";
import { connectAs } from "./person.ts";
import type { Person } from "./person.ts";
import { Rights } from "./rights.ts";

const IDLE_MS = 2 * 3_600_000;
const LONGEST_MS = 10 * 3_600_000;
const SWEEP_MS = 60_000;
const MAX_SESSIONS = 2000;
/** A shift that shares one name has a phone each; no one person takes the others' places. */
const MAX_OF_ONE = 100;

/** One person at one browser. */
export interface Session {
  readonly person: Person;
  /** Acts as that person. */
  readonly client: KubeClient;
  readonly rights: Rights;
  readonly views: Views;
  /** Aborted when the session ends: streams end with it. */
  readonly ended: AbortSignal;
}

interface Kept extends Session {
  readonly end: AbortController;
  readonly until: number;
  seenAt: number;
}

/**
 * Who is signed in, kept in this process and nowhere else: the browser has a random name for it in a cookie, and here
 * only that name's digest is kept. A console that starts anew knows nobody, and people sign in again.
 */
export class Sessions {
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #kept = new Map<string, Kept>();
  #sweeping: Timer;

  constructor(o: { config: KubeConfig; clock: Clock; log: Logger }) {
    this.#config = o.config;
    this.#clock = o.clock;
    this.#log = o.log;
    this.#sweeping = this.#sweepLater();
  }

  /** @returns what the browser is given: the session's name, which cannot be guessed */
  open(person: Person): string {
    const name = randomBytes(32).toString("base64url");
    const now = this.#clock.now();
    const end = new AbortController();
    const client = connectAs(this.#config, person);
    const rights = new Rights(client);
    this.#kept.set(digest(name), {
      person,
      client,
      rights,
      views: new Views({ client, rights, log: this.#log, clock: this.#clock }),
      ended: end.signal,
      end,
      until: Math.min(now + LONGEST_MS, person.expiresAt ?? Infinity),
      seenAt: now,
    });
    const one = identityOf(person);
    const theirs = [...this.#kept].filter(([, kept]) => identityOf(kept.person) === one);
    if (theirs.length > MAX_OF_ONE) this.#endFirst(theirs.map(([key]) => key));
    if (this.#kept.size > MAX_SESSIONS) this.#endFirst(this.#kept.keys());
    return name;
  }

  /** The session of that name, if there is one and it has not ended. */
  find(name: string | undefined): Session | undefined {
    if (name === undefined) return undefined;
    const key = digest(name);
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (this.#isOver(kept)) {
      this.#end(key);
      return undefined;
    }
    kept.seenAt = this.#clock.now();
    // Put back at the end: the first ones are those that were not used for longest.
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept;
  }

  close(name: string): void {
    this.#end(digest(name));
  }

  /** Ends all sessions. */
  stop(): void {
    this.#sweeping.cancel();
    for (const key of this.#kept.keys()) this.#end(key);
  }

  #isOver({ seenAt, until }: Kept): boolean {
    const now = this.#clock.now();
    return now >= until || now - seenAt >= IDLE_MS;
  }

  /** Of these, the one that was not used for longest. */
  #endFirst(keys: Iterable<string>): void {
    const [oldest] = keys;
    if (oldest !== undefined) this.#end(oldest);
  }

  #end(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    kept.end.abort(new Error("the session has ended"));
    kept.views.stop();
    kept.client.close().catch((error: unknown) => this.#log.warn({ err: error }, "a client did not close"));
  }

  #sweepLater(): Timer {
    return this.#clock.setTimeout(() => {
      for (const [key, kept] of this.#kept) if (this.#isOver(kept)) this.#end(key);
      this.#sweeping = this.#sweepLater();
    }, SWEEP_MS);
  }
}

/** Who somebody is to the cluster: a name that the provider gives is not that of a token's owner. */
function identityOf({ credentials, name }: Person): string {
  return credentials.kind === "impersonated" ? `impersonated/${credentials.user}` : `token/${name}`;
}

function digest(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}
