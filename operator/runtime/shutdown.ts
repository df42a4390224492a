/** A person or a kubelet asked the process to stop. */
export class StopRequested extends Error {
  override readonly name = "StopRequested";
}

/**
 * A signal that is aborted at the first SIGTERM or SIGINT. A second one ends the process at once.
 * @param from the process; another emitter in tests
 * @param exit ends the process
 */
export function stopSignal(
  from: { on(event: "SIGTERM" | "SIGINT", listener: (name: string) => void): unknown } = process,
  exit: (code: number) => void = (code) => process.exit(code),
): AbortSignal {
  const stop = new AbortController();
  const onSignal = (name: string): void => {
    if (stop.signal.aborted) exit(1);
    stop.abort(new StopRequested(`stopped by ${name}`));
  };
  from.on("SIGTERM", onSignal);
  from.on("SIGINT", onSignal);
  return stop.signal;
}
