import { once } from "node:events";
import type { Server } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../operator/runtime/clock.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { live } from "./live.ts";
import type { View } from "./views.ts";

/** More than what a socket holds before somebody reads. */
const LARGE = 8_000_000;
const open: { server: Server; socket: Socket }[] = [];

afterEach(() => {
  for (const { server, socket } of open.splice(0)) {
    socket.destroy();
    server.closeAllConnections();
    server.close();
  }
});

interface Streaming {
  readonly clock: ManualClock;
  readonly ended: AbortController;
  readonly socket: Socket;
  readonly isReleased: () => boolean;
}

/** A page that is told something else and large at each change, and there is always one. */
async function streaming(): Promise<Streaming> {
  const clock = new ManualClock();
  const ended = new AbortController();
  let released = false;
  const view: View<KubeObject> = {
    list: () => [],
    onChange: (listener) => {
      const timer = setInterval(listener, 10);
      return () => clearInterval(timer);
    },
    check: async () => await Promise.resolve(),
    release: () => {
      released = true;
    },
  };
  let n = 0;
  const read = (): string => `${(n += 1)}${"x".repeat(LARGE)}`;
  const app = new Hono();
  app.get("/", (c) => live(c, { views: [view], read, ended: ended.signal, clock }));
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.on("error", () => undefined);
  open.push({ server, socket });
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  return { clock, ended, socket, isReleased: () => released };
}

describe("a page that is told of changes", () => {
  it("is not kept anywhere on its way", async () => {
    const { socket } = await streaming();
    const [head] = (await once(socket, "data")) as [Buffer];
    expect(head.toString("latin1")).toMatch(/^HTTP\/1.1 200 .*^cache-control: no-store\r$/ims);
  });

  it("is given up, with its connection, when it reads no more for half a minute", async () => {
    const { clock, isReleased, socket } = await streaming();
    await once(socket, "data");
    socket.pause();
    await vi.waitFor(
      async () => {
        await clock.advance(5000);
        expect(isReleased()).toBe(true);
      },
      { timeout: 5000, interval: 100 },
    );
    const closed = once(socket, "close");
    socket.resume();
    await closed;
  });

  it("keeps nothing when the session ends while it reads nothing", async () => {
    const { ended, isReleased, socket } = await streaming();
    await once(socket, "data");
    socket.pause();
    // Until what is told waits for the reader.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    ended.abort(new Error("the session has ended"));
    await vi.waitFor(() => expect(isReleased()).toBe(true));
    const closed = once(socket, "close");
    socket.resume();
    await closed;
  });

  it("goes on being told while it reads, however long that takes", async () => {
    const { clock, isReleased, socket } = await streaming();
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
    await vi.waitFor(
      async () => {
        await clock.advance(1000);
        expect(bytes).toBeGreaterThan(4 * LARGE);
      },
      { timeout: 10_000, interval: 100 },
    );
    expect(isReleased()).toBe(false);
  });
});
