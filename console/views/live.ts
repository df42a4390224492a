import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { SSEStreamingApi } from "hono/streaming";
import { systemClock } from "../../operator/runtime/clock.ts";
import type { Clock } from "../../operator/runtime/clock.ts";
import { withDeadline } from "../../operator/runtime/deadline.ts";
import { sameJson } from "../../operator/runtime/json.ts";
import { hangUp } from "../server/context.ts";
import { problemOf } from "../server/problem.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import type { View } from "./views.ts";

/** Between two answers to what changes all the time. */
const PAUSE_MS = 300;
/** A sign of life: proxies close what is silent, and the page knows by it that it is not alone. */
const BEAT_MS = 10_000;
/** Then the page connects anew: what was granted must not be for ever. */
const LONGEST_MS = 30 * 60_000;
/** A page that takes nothing for so long has gone, or might as well have: it comes again by itself. */
const STALLED_MS = 30_000;

export interface Live<T> {
  readonly views: readonly View<KubeObject>[];
  /** What is to be told now. */
  readonly read: () => T | Promise<T>;
  readonly ended: AbortSignal;
  readonly clock?: Clock;
}

/** Whether the browser asks to be told of changes too (EventSource says so by itself). */
export function wantsLive(c: Context): boolean {
  return (c.req.header("accept") ?? "").includes("text/event-stream");
}

/**
 * Tells the page what `read` gives, now and whenever a view has changed and it differs, until the page goes or reads no
 * more, the session ends, or the right to it is gone. The views are released then.
 */
export function live<T>(c: Context, { views, read, ended, clock = systemClock }: Live<T>): Response {
  c.header("x-accel-buffering", "no");
  const response = streamSSE(c, async (stream) => {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, ended, AbortSignal.timeout(LONGEST_MS)]);
    stream.onAbort(() => over.abort(new Error("the page has gone")));
    const bell = new Bell();
    const ends = views.map((view) => view.onChange(() => bell.ring()));
    const say: Say = async (event, data) => {
      const late = (): Error => new Stalled(`the page has read nothing for ${STALLED_MS / 1000} seconds`);
      try {
        await withDeadline({ clock, ms: STALLED_MS, signal, late }, () => stream.writeSSE({ event, data }));
      } catch (error) {
        hangUp(c);
        throw error;
      }
    };
    try {
      await tellUntil(stream, { views, read, bell, say, signal });
    } catch (error) {
      if (signal.aborted || error instanceof Stalled) return;
      await say("problem", JSON.stringify(problemOf(error).body)).catch(() => undefined);
    } finally {
      for (const end of ends) end();
      for (const view of views) view.release();
    }
  });
  response.headers.set("cache-control", "no-store");
  return response;
}

/** Tells the page something; rejects when it takes nothing any more, or when all is over. */
type Say = (event: string, data: string) => Promise<void>;

class Stalled extends Error {
  override readonly name = "Stalled";
}

async function tellUntil<T>(
  stream: SSEStreamingApi,
  o: {
    views: readonly View<KubeObject>[];
    read: () => T | Promise<T>;
    bell: Bell;
    say: Say;
    signal: AbortSignal;
  },
): Promise<void> {
  const { bell, read, say, signal, views } = o;
  let told: T | undefined;
  while (!signal.aborted) {
    const now = await read();
    if (told === undefined || !sameJson(told, now)) {
      await say("data", JSON.stringify(now));
      told = now;
    }
    const rung = await bell.rungWithin(BEAT_MS, signal);
    if (signal.aborted) return;
    if (!rung) await say("beat", "");
    for (const view of views) await view.check(signal);
    await stream.sleep(PAUSE_MS);
  }
}

/** Remembers that it was rung until somebody listens. */
class Bell {
  #rung = false;
  #waiting: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#waiting?.();
  }

  async rungWithin(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        this.#waiting = done;
        signal.addEventListener("abort", done, { once: true });
      });
      this.#waiting = undefined;
    }
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }
}
