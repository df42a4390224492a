import { setTimeout as sleep } from "node:timers/promises";
import { isAlreadyExists, isNotFound } from "../../operator/runtime/api-error.ts";

const PAUSE_MS = 250;
const PATIENCE_MS = 90_000;
const TRY_MS = 5_000;

/**
 * Does something at the API server as people do: again and again until it is done, whatever fails meanwhile. What is
 * there already has been made, and what is gone has been deleted, by a try whose answer was lost.
 * @throws Error when it is not done within a minute and a half
 */
export async function persist(
  what: string,
  work: (signal: AbortSignal) => Promise<unknown>,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    try {
      await work(AbortSignal.timeout(TRY_MS));
      return;
    } catch (error) {
      if (isAlreadyExists(error) || isNotFound(error)) return;
      if (performance.now() > until)
        throw new Error(`${what}: not done in ${patienceMs / 1000} s`, { cause: error });
    }
    await sleep(PAUSE_MS);
  }
}
