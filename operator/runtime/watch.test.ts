import { Readable } from "node:stream";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ManualClock } from "./clock.ts";
import type { KubeObject } from "./objects.ts";
import { readWatch } from "./watch.ts";
import type { WatchEvent } from "./watch.ts";

const NEVER = new AbortController().signal;

function options(o: { clock?: ManualClock; signal?: AbortSignal } = {}) {
  return {
    clock: o.clock ?? new ManualClock(),
    stallTimeoutMs: 90_000,
    signal: o.signal ?? NEVER,
    what: "watch of x",
  };
}

async function collect(body: Readable, o = options()): Promise<WatchEvent<KubeObject>[]> {
  return Array.fromAsync(readWatch(body, o));
}

function line(type: string, name: string, version: string): string {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, resourceVersion: version } };
  return `${JSON.stringify({ type, object })}\n`;
}

describe("readWatch", () => {
  it("reads the same events wherever the bytes are cut, and drops a half line at the end", async () => {
    const names = fc.array(fc.string({ unit: "grapheme", minLength: 1 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        names,
        fc.array(fc.nat(2_000), { maxLength: 10 }),
        fc.nat(60),
        async (names, cuts, half) => {
          const text = names.map((name, i) => line("ADDED", name, String(i + 1))).join("");
          const bytes = Buffer.concat([
            Buffer.from(text),
            Buffer.from(line("ADDED", "half", "99")).subarray(0, half),
          ]);
          const at = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].toSorted((a, b) => a - b);
          const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
          const events = await collect(Readable.from(chunks.filter((chunk) => chunk.length > 0)));
          expect(events.map((event) => event.type === "ADDED" && event.object.metadata.name)).toEqual(names);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("tells bookmarks as versions", async () => {
    expect(await collect(Readable.from([Buffer.from(line("BOOKMARK", "", "42"))]))).toEqual([
      { type: "BOOKMARK", resourceVersion: "42" },
    ]);
  });

  it.each([
    [
      "an ERROR event",
      '{"type":"ERROR","object":{"kind":"Status","status":"Failure","message":"too old resource version","reason":"Expired","code":410}}\n',
      { status: 410, reason: "Expired", message: "watch of x: 410 Expired: too old resource version" },
    ],
    [
      "a line that is not JSON",
      "<html>\n",
      { reason: "BadAnswer", message: "watch of x: a line is not JSON" },
    ],
    ["an unknown event", '{"type":"SURPRISE","object":{}}\n', { reason: "BadAnswer" }],
  ])("fails on %s", async (_name, text, expected) => {
    await expect(collect(Readable.from([Buffer.from(text)]))).rejects.toMatchObject(expected);
  });

  it("fails when a line has no end", async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(1024 * 1024, 0x20);
      })(),
    );
    await expect(collect(endless)).rejects.toMatchObject({ reason: "BadAnswer" });
    expect(endless.destroyed).toBe(true);
  });

  it("gives up a stream that is silent for too long, measured from the last byte", async () => {
    const clock = new ManualClock();
    const body = new Readable({ read: () => undefined });
    const reading = collect(body, options({ clock }));
    const outcome = reading.catch((error: unknown) => error);
    await clock.advance(60_000);
    body.push(Buffer.from(" "));
    await clock.advance(89_999);
    expect(body.destroyed).toBe(false);
    await clock.advance(1);
    expect(await outcome).toMatchObject({ reason: "Stalled", status: 0 });
    expect(body.destroyed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("ends with the signal's reason, and lets go of the stream", async () => {
    const abort = new AbortController();
    const body = new Readable({ read: () => undefined });
    const reading = collect(body, options({ signal: abort.signal }));
    abort.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    expect(body.destroyed).toBe(true);
  });

  it("says that the connection broke when it did", async () => {
    const body = new Readable({ read: () => undefined });
    const reading = collect(body);
    body.destroy(new Error("other side closed"));
    await expect(reading).rejects.toMatchObject({ reason: "ConnectionBroken" });
  });

  it("lets go of the stream when its reader stops", async () => {
    const body = Readable.from([Buffer.from(line("ADDED", "a", "1")), Buffer.from(line("ADDED", "b", "2"))]);
    for await (const event of readWatch(body, options())) {
      expect(event.type).toBe("ADDED");
      break;
    }
    expect(body.destroyed).toBe(true);
  });
});
