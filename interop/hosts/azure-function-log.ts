import { AsyncLocalStorage } from "node:async_hooks";
import type { CalleeLog } from "../callee/app.ts";

/** Takes lines for one invocation: the runtime's context of it fits, and marks them as the invocation's. */
export interface InvocationLog {
  info(line: string): void;
  error(line: string): void;
}

export interface FunctionLog extends CalleeLog {
  /** What `work` logs goes to this invocation's log. */
  during<T>(invocation: InvocationLog, work: () => Promise<T>): Promise<T>;
}

/** A log in lines of JSON. @param outside takes what is logged while no invocation runs */
export function createFunctionLog(outside: InvocationLog): FunctionLog {
  const current = new AsyncLocalStorage<InvocationLog>();
  const line = (fields: object, message: string): string => JSON.stringify({ message, ...fields });
  return {
    info: (fields, message) => (current.getStore() ?? outside).info(line(fields, message)),
    error: (fields, message) => (current.getStore() ?? outside).error(line(fields, message)),
    during: (invocation, work) => current.run(invocation, work),
  };
}
