import { AsyncLocalStorage } from "node:async_hooks";
import type { CalleeLog } from "../callee/app.ts";

/** A log in JSON lines with the members that Lambda's own JSON log format has. */
export interface LambdaLog extends CalleeLog {
  /** What `work` logs names the request that it is about. */
  during<T>(requestId: string | undefined, work: () => Promise<T>): Promise<T>;
}

/** @param write takes one line; standard output unless given */
export function createLambdaLog(
  write: (line: string) => void = (line) => void process.stdout.write(line),
): LambdaLog {
  const current = new AsyncLocalStorage<string>();

  function line(level: "INFO" | "ERROR", fields: object, message: string): void {
    const requestId = current.getStore();
    const timestamp = new Date().toISOString();
    const all = { timestamp, level, ...(requestId === undefined ? {} : { requestId }), message, ...fields };
    write(`${JSON.stringify(all)}\n`);
  }

  return {
    info: (fields, message) => line("INFO", fields, message),
    error: (fields, message) => line("ERROR", fields, message),
    during: (requestId, work) => (requestId === undefined ? work() : current.run(requestId, work)),
  };
}
