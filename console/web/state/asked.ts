import { useEffect, useState } from "preact/hooks";
import { FINAL } from "./live.ts";
import type { Told } from "./live.ts";
import { Refused, call } from "./api.ts";
import { signedOut } from "./session.ts";

const AGAIN_MS = 30_000;

/**
 * What an address gives when it is asked: at first, when the page is looked at again and when the network is back,
 * and every half minute until it is settled. For what is not worth one of the few connections that a browser opens.
 * @param path undefined: nothing is asked for
 * @param isSettled whether what was told will hardly change by itself
 */
export function useAsked<T>(path: string | undefined, isSettled: (data: T) => boolean): Told<T> {
  const [told, tell] = useState<Told<T>>({ data: undefined, problem: undefined });
  useEffect(() => {
    if (path === undefined) return undefined;
    const over = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (): void => {
      clearTimeout(timer);
      if (!over.signal.aborted) timer = setTimeout(ask, AGAIN_MS);
    };
    const fail = (problem: unknown): void => {
      if (over.signal.aborted || !(problem instanceof Refused)) return;
      if (problem.isConsoles && problem.status === 401) signedOut();
      else if (problem.isConsoles && FINAL.has(problem.status)) tell({ data: undefined, problem });
      else again();
    };
    const ask = (): void => {
      clearTimeout(timer);
      // Whoever looks again asks then.
      if (document.visibilityState === "hidden") return;
      const heard = (data: T): void => {
        if (over.signal.aborted) return;
        tell({ data, problem: undefined });
        if (!isSettled(data)) again();
      };
      call<T>(path, { signal: over.signal }).then(heard, fail);
    };
    const o = { signal: over.signal };
    document.addEventListener("visibilitychange", ask, o);
    addEventListener("online", ask, o);
    ask();
    return () => {
      over.abort();
      clearTimeout(timer);
    };
  }, [path]);
  return told;
}
