import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { ManualClock } from "./clock.ts";
import { stopSignal } from "./shutdown.ts";

const SHUTDOWN = JSON.stringify(join(import.meta.dirname, "shutdown.ts"));
/** Ends in order, which takes it a moment, as to give a lease back does. */
const ORDERLY = `
  import { stopSignal } from ${SHUTDOWN};
  const stop = stopSignal();
  const open = setInterval(() => {}, 1000);
  stop.addEventListener("abort", () => setTimeout(() => {
    console.log("ended in order");
    clearInterval(open);
  }, 400));
  console.log("ready");
`;

describe("stopSignal", () => {
  function listening() {
    const clock = new ManualClock();
    const listeners: ((name: string) => void)[] = [];
    const codes: number[] = [];
    const signal = stopSignal({
      clock,
      from: { on: (_event, listener) => listeners.push(listener) },
      exit: (code) => codes.push(code),
    });
    const [onTerm, onInt] = listeners;
    return { clock, codes, signal, term: () => onTerm?.("SIGTERM"), int: () => onInt?.("SIGINT") };
  }

  it("aborts at the first signal, and ends the process at one that comes later", async () => {
    const { clock, codes, signal, term, int } = listening();
    term();
    expect(signal.reason).toMatchObject({ name: "StopRequested", message: "stopped by SIGTERM" });
    expect(codes).toEqual([]);
    await clock.advance(2_500);
    int();
    expect(codes).toEqual([1]);
  });

  it("takes signals that follow at once for the same wish to stop", async () => {
    const { clock, codes, int } = listening();
    int();
    int();
    await clock.advance(900);
    int();
    expect(codes).toEqual([]);
  });

  it("ends in order where one Ctrl-C reaches a process twice: from its terminal and from npm", async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", ORDERLY], {
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
      signal: AbortSignal.timeout(20_000),
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    await once(child.stdout, "data");
    const { pid } = child;
    if (pid === undefined) throw new Error("the process did not start");
    process.kill(-pid, "SIGINT");
    setTimeout(() => process.kill(pid, "SIGINT"), 100);
    const [code] = (await once(child, "close")) as [number | null];
    expect({ code, said }).toEqual({ code: 0, said: "ready\nended in order\n" });
  });
});
