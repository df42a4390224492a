import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../operator/runtime/clock.ts";
import type { Env } from "./context.ts";
import { sendFile } from "./send-file.ts";

/** More than what a stream holds before somebody reads. */
const BYTES = 1_000_000;
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

interface Sending {
  readonly response: Response;
  readonly clock: ManualClock;
  readonly ended: AbortController;
  /** Resolves when the file has been let go of. */
  readonly gone: Promise<void>;
}

async function sending(): Promise<Sending> {
  const folder = await mkdtemp(join(tmpdir(), "certferry-send-"));
  folders.push(folder);
  const path = join(folder, "d001.csv");
  await writeFile(path, "x".repeat(BYTES));
  const clock = new ManualClock();
  const ended = new AbortController();
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const file = {
    path,
    name: "D001.csv",
    bytes: BYTES,
    [Symbol.asyncDispose]: async () => await Promise.resolve(resolve()),
  };
  const app = new Hono<Env>();
  app.get("/", (c) => sendFile(c, file, { clock, signal: ended.signal }));
  return { response: await app.request("/"), clock, ended, gone };
}

describe("a file that was made for one download", () => {
  it("is sent whole, and let go of", async () => {
    const { response, gone } = await sending();
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="D001.csv"');
    expect((await response.text()).length).toBe(BYTES);
    await gone;
  });

  it("is let go of when nobody reads on, so that others get theirs", async () => {
    const { response, clock, gone } = await sending();
    const reader = response.body?.getReader();
    await reader?.read();
    // Time passes once the file has been read ahead, which takes a moment of this machine's.
    let held = true;
    void gone.then(() => (held = false));
    await vi.waitFor(async () => {
      await clock.advance(31_000);
      expect(held).toBe(false);
    });
    await expect(readOn(reader)).rejects.toThrow("nobody has read on");
  });

  it("is let go of when the browser goes, and when the session ends", async () => {
    const left = await sending();
    await left.response.body?.cancel();
    await left.gone;
    const signedOut = await sending();
    signedOut.ended.abort(new Error("the session has ended"));
    await signedOut.gone;
    await expect(signedOut.response.text()).rejects.toThrow("the session has ended");
  });
});

async function readOn(reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<void> {
  for (;;) if ((await reader?.read())?.done !== false) return;
}
