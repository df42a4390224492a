/**
 * Runs `work` with a signal that fires at the deadline or when the caller's own signal does, and rejects
 * at that moment even if `work` does not (undici cannot abort a request that still waits for a name).
 * @throws `timedOut()` at the deadline; the caller's reason when the caller gave up
 */
export async function withDeadline<T>(
  options: { ms: number; signal: AbortSignal; timedOut: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  options.signal.throwIfAborted();
  const controller = new AbortController();
  const gaveUp = (): void => controller.abort(options.signal.reason);
  const timer = setTimeout(() => controller.abort(options.timedOut()), options.ms);
  options.signal.addEventListener("abort", gaveUp, { once: true });
  const aborted = Promise.withResolvers<never>();
  const reject = (): void => aborted.reject(controller.signal.reason);
  controller.signal.addEventListener("abort", reject, { once: true });
  try {
    return await Promise.race([work(controller.signal), aborted.promise]);
  } catch (error) {
    controller.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", gaveUp);
    controller.signal.removeEventListener("abort", reject);
  }
}
