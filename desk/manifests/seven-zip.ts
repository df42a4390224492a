import { Worker } from "node:worker_threads";

/** What the thread is told to pack. */
export interface PackOrder {
  /** The file, on this machine. */
  readonly input: string;
  /** Its name in the archive. */
  readonly name: string;
  /** Where the archive is written; nothing must be there yet. */
  readonly output: string;
}

/**
 * Packs one file into a .7z (LZMA2), in a thread of its own: 7-Zip is one long synchronous call.
 * @throws Error that says what 7-Zip said; the signal's reason when it aborts
 */
export async function packSevenZip(order: PackOrder, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const worker = new Worker(new URL("pack-worker.ts", import.meta.url), {
    workerData: order,
    execArgv: [],
    env: {},
    stdout: true,
    stderr: true,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      worker.once("error", reject);
      worker.once("message", (failure: string) =>
        failure === "" ? resolve() : reject(new Error(`7-Zip could not pack ${order.name}: ${failure}`)),
      );
      worker.once("exit", () => reject(new Error(`the thread that packs ${order.name} ended early`)));
    });
  } finally {
    await worker.terminate();
  }
}
