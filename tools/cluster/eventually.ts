export interface EventuallyOptions {
  /** Milliseconds; 30000 unless told. */
  readonly deadline?: number;
  /** Milliseconds between two tries; 100 unless told. */
  readonly interval?: number;
  /** What is awaited, for the error message, such as "batch d001 is bound". */
  readonly what?: string;
  readonly signal?: AbortSignal;
}

/**
 * Asks again and again until `condition` gives something other than undefined, null or false, and gives that.
 * A condition that throws (an assertion, a server that is away) is asked again; it is given a signal that ends
 * with the deadline.
 * @throws Error when the deadline passes, with what the condition last threw as its cause
 */
export async function eventually<T>(
  condition: (signal: AbortSignal) => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = options.deadline ?? 30_000;
  const timeout = AbortSignal.timeout(deadline);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  let last: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const result = await endsWith(signal, condition(signal));
      if (result !== undefined && result !== null && result !== false) {
        return result as Exclude<T, undefined | null | false>;
      }
      last = undefined;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!timeout.aborted || last === undefined) last = error;
    }
    if (timeout.aborted) {
      const why = last instanceof Error ? `: ${last.message}` : "";
      throw new Error(`not within ${deadline / 1000} s: ${options.what ?? "the condition"}${why}`, {
        cause: last,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, options.interval ?? 100));
  }
}

async function endsWith<T>(signal: AbortSignal, work: T | Promise<T>): Promise<T> {
  const settled = new AbortController();
  const ended = new Promise<never>((_resolve, reject) => {
    const fail = (): void => reject(new Error("no answer until the deadline"));
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true, signal: settled.signal });
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    settled.abort();
  }
}
