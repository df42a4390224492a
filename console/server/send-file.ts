import { open } from "node:fs/promises";
import type { MadeFile } from "../actions/manifest.ts";
import type { Clock, Timer } from "../../operator/runtime/clock.ts";
import { hangUp } from "./context.ts";
import type { Ctx } from "./context.ts";

const CHUNK = 65_536;
/** A browser that takes nothing for so long has gone, or might as well have. */
const IDLE_MS = 30_000;

/**
 * Sends a file that was made for this, and lets go of it at the end, whichever end that is: all was read, the browser
 * has gone, nobody reads on, or the signal has aborted. Only a few such files may be there at once.
 */
export function sendFile(c: Ctx, file: MadeFile, o: { clock: Clock; signal: AbortSignal }): Response {
  const { clock, signal } = o;
  const reading = open(file.path, "r");
  // Whoever pulls is told; until then nobody waits for it.
  reading.catch(() => undefined);
  let idle: Timer | undefined;
  let ended = false;
  let fail: (error: unknown) => void = () => undefined;
  const aborted = (): void => fail(signal.reason);
  const end = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    idle?.cancel();
    signal.removeEventListener("abort", aborted);
    await reading.then((handle) => handle.close()).catch(() => undefined);
    await file[Symbol.asyncDispose]();
  };
  const waitForReader = (): void => {
    idle = clock.setTimeout(() => {
      fail(new Error(`nobody has read on for ${IDLE_MS / 1000} seconds`));
    }, IDLE_MS);
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      fail = (error) => {
        controller.error(error);
        hangUp(c);
        void end();
      };
      waitForReader();
      if (signal.aborted) aborted();
      else signal.addEventListener("abort", aborted, { once: true });
    },
    async pull(controller) {
      idle?.cancel();
      try {
        const { buffer, bytesRead } = await (await reading).read(new Uint8Array(CHUNK), 0, CHUNK);
        if (ended) return;
        if (bytesRead > 0) {
          controller.enqueue(buffer.subarray(0, bytesRead));
          waitForReader();
          return;
        }
        controller.close();
        await end();
      } catch (error) {
        fail(error);
      }
    },
    cancel: end,
  });
  return c.body(body, 200, {
    "content-type": file.name.endsWith(".csv") ? "text/csv; charset=utf-8" : "application/x-7z-compressed",
    "content-length": String(file.bytes),
    "content-disposition": `attachment; filename="${file.name}"`,
  });
}
