import { resolve } from "node:path";
import { OwnedProcess } from "../../../tools/process/owned-process.ts";
import type { StubManners } from "./manners.ts";
import type { Tallied } from "./tally.ts";

const MAIN = resolve(import.meta.dirname, "main.ts");
const START_MS = 20_000;
const ASK_MS = 20_000;

/** The audience of every token here: an AWS account. */
export const AUDIENCE = "123456789012";

/** A callee in a process of its own. */
export interface Stub extends AsyncDisposable {
  readonly pid: number;
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** The whole address that is posted to. */
  readonly url: string;
  tally(): Promise<Tallied>;
  /** Forgets what came. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

/** @param jwksFile whom it trusts; may be written later, before the first call. */
export async function startStub(jwksFile: string, manners: StubManners = {}): Promise<Stub> {
  const child = await OwnedProcess.start({
    command: process.execPath,
    args: [MAIN, "--jwks", jwksFile, "--audience", AUDIENCE, "--manners", JSON.stringify(manners)],
  });
  const port = await child.line(
    (line) => (line.startsWith("{") ? (JSON.parse(line) as { port: number }).port : undefined),
    "the callee did not start",
    START_MS,
  );
  const origin = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await child.stop();
  };
  return {
    pid: child.pid,
    origin,
    url: `${origin}/Prod/interop`,
    async tally() {
      const answer = await fetch(`${origin}/tally`, { signal: AbortSignal.timeout(ASK_MS) });
      return (await answer.json()) as Tallied;
    },
    async reset() {
      const answer = await fetch(`${origin}/reset`, { method: "POST", signal: AbortSignal.timeout(ASK_MS) });
      await answer.body?.cancel();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
