import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../texts/index.ts";

/** Somebody is on the way to another page, whose heading is not there yet. */
let expected = false;

/** What a screen reader is told of the page that one has come to; a page that is opened tells it by itself. */
export const announced = signal("");

/** Readers pass over what changes while they still read what has the focus. */
const ANNOUNCE_MS = 300;

/** The page that comes next was asked for here, so that its heading is where the keyboard goes on. */
export function expectArrival(): void {
  expected = true;
}

/** Whether this heading is of a page that was asked for here; true once. */
export function hasArrived(): boolean {
  const arrived = expected;
  expected = false;
  return arrived;
}

let opened: string | undefined;

/** Names the page in the browser's title bar, and tells that to readers where the page was changed without being loaded. */
export function useTitle(...parts: readonly string[]): void {
  const title = [...parts, t.product].join(" · ");
  useEffect(() => {
    document.title = title;
    opened ??= title;
    if (title === opened && announced.value === "") return undefined;
    const timer = setTimeout(() => {
      announced.value = title;
    }, ANNOUNCE_MS);
    return () => clearTimeout(timer);
  }, [title]);
}
