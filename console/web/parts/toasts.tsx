import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { wordsOf } from "../state/api.ts";
import { Icon } from "./icons.tsx";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

const toasts = signal<readonly Toast[]>([]);
const SHOWN_MS = 6000;
let last = 0;

function show(text: string, bad: boolean): void {
  last += 1;
  const id = last;
  toasts.value = [...toasts.value, { id, text, bad }];
  setTimeout(() => {
    toasts.value = toasts.value.filter((each) => each.id !== id);
  }, SHOWN_MS);
}

/** Says for some seconds that something is done. */
export function say(text: string): void {
  show(text, false);
}

/** Says for some seconds what did not work. */
export function complain(error: unknown): void {
  show(wordsOf(error), true);
}

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ bad, id, text }) => (
        <p key={id} class={bad ? "toast toast-bad" : "toast"}>
          <Icon name={bad ? "warning" : "check"} />
          {text}
        </p>
      ))}
    </div>
  );
}
