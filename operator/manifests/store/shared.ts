/**
 * Work that several ask for at once and that is done once. Each waits with a signal of their own; the work
 * is stopped when the last of them has gone.
 */
export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>();

  /**
   * @param work started unless it is under way; its result stays as it is until `use` has had it
   * @param use gets the result, at once
   * @param settle gets the result when nobody uses it any more
   */
  async run<R>(
    key: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
    use: (result: T) => Promise<R>,
    settle: (result: T) => unknown,
  ): Promise<R> {
    const running = this.#running.get(key) ?? this.#start(key, work);
    running.waiting += 1;
    try {
      return await use(await abortable(running.result, signal));
    } finally {
      running.waiting -= 1;
      if (running.waiting === 0) {
        if (this.#running.get(key) === running) this.#running.delete(key);
        running.stop.abort();
        // Work that is stopped may still end well. Whoever saw it fail has been told.
        void running.result.then(settle, () => {});
      }
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const stop = new AbortController();
    const running: Running<T> = { stop, waiting: 0, result: work(stop.signal) };
    this.#running.set(key, running);
    return running;
  }
}

interface Running<T> {
  readonly stop: AbortController;
  readonly result: Promise<T>;
  waiting: number;
}

/** The result, or the signal's reason as soon as it aborts. */
async function abortable<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
