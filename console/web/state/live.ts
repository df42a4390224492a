import { useEffect, useState } from "preact/hooks";
import type { ProblemBody } from "../../server/problem.ts";
import { Refused, call } from "./api.ts";
import { restWhileHidden } from "./rest.ts";
import { connected, signedOut } from "./session.ts";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** To ask again would give the same. */
export const FINAL: ReadonlySet<number> = new Set([403, 404, 422]);

export interface Told<T> {
  /** What was told last; stays while the connection is away. */
  readonly data: T | undefined;
  readonly problem: Refused | undefined;
}

/**
 * What an address gives, now and whenever it changes, for as long as the part of the page is there.
 * @param path undefined: nothing is asked for yet
 */
export function useLive<T>(path: string | undefined): Told<T> {
  const [told, tell] = useState<Told<T>>({ data: undefined, problem: undefined });
  useEffect(() => {
    if (path === undefined) return undefined;
    return follow<T>(path, tell);
  }, [path]);
  return told;
}

/**
 * Follows an address until the returned function is called. Nothing is followed while nobody sees the page: each
 * connection has a place of few at the browser and at the console. What is told first afterwards is as it is then.
 */
export function follow<T>(path: string, tell: (told: Told<T>) => void): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE_MS;
  let last: T | undefined;
  let resting = false;
  let final = false;
  const over = new AbortController();
  const again = (): void => {
    source?.close();
    if (over.signal.aborted || resting) return;
    connected.value = false;
    timer = setTimeout(open, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  };
  const fail = (problem: Refused): void => {
    if (over.signal.aborted) return;
    if (problem.isConsoles && problem.status === 401) signedOut();
    else if (problem.isConsoles && FINAL.has(problem.status)) {
      source?.close();
      final = true;
      tell({ data: undefined, problem });
    } else {
      tell({ data: last, problem: last === undefined ? problem : undefined });
      again();
    }
  };
  const open = (): void => {
    source = new EventSource(path);
    source.addEventListener("data", ({ data }: MessageEvent<string>) => {
      last = JSON.parse(data) as T;
      pause = FIRST_PAUSE_MS;
      connected.value = true;
      tell({ data: last, problem: undefined });
    });
    source.addEventListener("problem", ({ data }: MessageEvent<string>) => {
      source?.close();
      fail(new Refused(JSON.parse(data) as ProblemBody));
    });
    source.addEventListener("error", () => {
      source?.close();
      // An event source does not say why; a plain request does.
      call<T>(path, { signal: over.signal }).then(again, (error: unknown) => {
        if (error instanceof Refused) fail(error);
        else again();
      });
    });
  };
  const stopResting = restWhileHidden({
    rest: () => {
      resting = true;
      source?.close();
      clearTimeout(timer);
    },
    wake: () => {
      resting = false;
      pause = FIRST_PAUSE_MS;
      if (!final) open();
    },
  });
  open();
  return () => {
    stopResting();
    over.abort();
    source?.close();
    clearTimeout(timer);
  };
}
