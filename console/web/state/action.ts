import { useState } from "preact/hooks";
import { wordsOf } from "./api.ts";

export interface Action {
  readonly busy: boolean;
  /** What went wrong the last time. */
  readonly error: string | undefined;
  readonly run: (work: () => Promise<void>) => void;
  readonly clear: () => void;
}

/** Something that a form does: one at a time, and what went wrong is kept to be shown. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const run = (work: () => Promise<void>): void => {
    setBusy(true);
    setError(undefined);
    work()
      .catch((problem: unknown) => setError(wordsOf(problem)))
      .finally(() => setBusy(false));
  };
  return { busy, error, run, clear: () => setError(undefined) };
}
