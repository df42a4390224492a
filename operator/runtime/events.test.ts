import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { eventually } from "../../tools/cluster/eventually.ts";
import { KubeClient } from "./client.ts";
import { ManualClock } from "./clock.ts";
import { clipBytes, EventRecorder } from "./events.ts";
import type { EventInput } from "./events.ts";
import type { KubeObject } from "./objects.ts";
import { recordingLogger } from "./testing/log.ts";
import { answer, ScriptedServer, silence, status } from "./testing/scripted-server.ts";
import type { Received } from "./testing/scripted-server.ts";

const REEL: KubeObject = {
  apiVersion: "example.dev/v1",
  kind: "Reel",
  metadata: { name: "d001", uid: "u-1" },
};
const BATCH: KubeObject = {
  apiVersion: "example.dev/v1",
  kind: "Batch",
  metadata: { namespace: "plant", name: "d001", uid: "u-2" },
};
const BOUND: EventInput = { type: "Normal", reason: "Bound", action: "Bind", message: "bound" };

let server: ScriptedServer;
let client: KubeClient;

function recorder() {
  const clock = new ManualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  const { log, lines } = recordingLogger();
  const told = { written: 0, dropped: 0, failed: 0 };
  const events = new EventRecorder({
    client,
    component: "example.dev/operator",
    instance: "pod-1",
    clock,
    log,
    onOutcome: (outcome) => {
      told[outcome] += 1;
    },
  });
  return { events, clock, lines, told };
}

async function received(count: number): Promise<Received[]> {
  await eventually(() => server.received.length >= count, {
    what: `${count} requests`,
    interval: 5,
    deadline: 5_000,
  });
  return server.received;
}

function nameOf(request: Received | undefined): string | undefined {
  return (request?.body as KubeObject | undefined)?.metadata.name;
}

beforeEach(async () => {
  server = await ScriptedServer.start();
  server.otherwise = (response, request) => answer(201, request.body)(response, request);
  client = new KubeClient(server.config());
});

afterEach(async () => {
  await client.close();
  await server.close();
});

describe("EventRecorder", () => {
  it("writes an event as events.k8s.io/v1 wants it, that of a cluster-scoped object into default", async () => {
    const { events } = recorder();
    events.event(REEL, BOUND);
    events.event(BATCH, { type: "Warning", reason: "Unauthorized", action: "Provision", message: "401" });
    const [first, second] = await received(2);
    expect(first).toMatchObject({ method: "POST", path: "/apis/events.k8s.io/v1/namespaces/default/events" });
    expect(first?.body).toMatchObject({
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { namespace: "default", name: expect.stringMatching(/^d001\.[0-9a-f]{16}$/) as string },
      eventTime: "2026-01-02T03:04:05.678000Z",
      reportingController: "example.dev/operator",
      reportingInstance: "pod-1",
      type: "Normal",
      reason: "Bound",
      action: "Bind",
      note: "bound",
      regarding: { apiVersion: "example.dev/v1", kind: "Reel", name: "d001", uid: "u-1" },
    });
    expect(second?.path).toBe("/apis/events.k8s.io/v1/namespaces/plant/events");
    expect(second?.body).toMatchObject({ regarding: { namespace: "plant" }, type: "Warning" });
  });

  it("tells repetitions as one series, by one patch for many", async () => {
    const { events, clock } = recorder();
    events.event(REEL, BOUND);
    const [created] = await received(1);
    for (let i = 0; i < 9; i += 1) events.event(REEL, BOUND);
    await clock.advance(10_000);
    const [, patched] = await received(2);
    expect(patched).toMatchObject({
      method: "PATCH",
      path: `${created?.path}/${nameOf(created)}`,
      body: { series: { count: 10, lastObservedTime: "2026-01-02T03:04:05.678000Z" } },
    });
    await clock.advance(3_600_000);
    expect(server.received).toHaveLength(2);
  });

  it("begins a new event when the old one is long past, and when the server has forgotten it", async () => {
    const { events, clock } = recorder();
    events.event(REEL, BOUND);
    await received(1);
    await clock.advance(7 * 60_000);
    events.event(REEL, BOUND);
    await received(2);
    events.event(REEL, BOUND);
    server.next.push(answer(404, status(404, "NotFound", "no such event")));
    await clock.advance(10_000);
    const all = await received(4);
    expect(all.map(({ method }) => method)).toEqual(["POST", "POST", "PATCH", "POST"]);
    expect(all[3]?.body).toMatchObject({ series: { count: 2 } });
  });

  it("lets one object say only so much, and others as much as they have to say", async () => {
    const { events, clock, lines, told } = recorder();
    for (let i = 0; i < 100; i += 1) events.event(REEL, { ...BOUND, message: `message ${i}` });
    events.event(BATCH, BOUND);
    await received(26);
    await events.flush(AbortSignal.timeout(5_000));
    expect(server.received).toHaveLength(26);
    expect(told).toEqual({ written: 26, dropped: 75, failed: 0 });
    // Said once a minute, with how many.
    expect(lines.filter(({ msg }) => msg.startsWith("too many events"))).toMatchObject([{ dropped: 1 }]);
    await clock.advance(10 * 60_000);
    for (let i = 0; i < 100; i += 1) events.event(REEL, { ...BOUND, message: `later ${i}` });
    await events.flush(AbortSignal.timeout(5_000));
    expect(server.received).toHaveLength(28);
  });

  it("lets all objects together say only so much, and keeps room for what is not well", async () => {
    const { events, clock, told } = recorder();
    const about = (i: number): KubeObject => ({ ...REEL, metadata: { name: `d${i}`, uid: `u-${i}` } });
    for (let i = 0; i < 450; i += 1) events.event(about(i), BOUND);
    for (let i = 0; i < 50; i += 1) events.event(about(i), { ...BOUND, type: "Warning" });
    await events.flush(AbortSignal.timeout(20_000));
    expect(told).toEqual({ written: 450, dropped: 50, failed: 0 });
    const types = server.received.map(({ body }) => (body as { type: string }).type);
    expect(types.filter((type) => type === "Warning")).toHaveLength(50);
    await clock.advance(1_000);
    for (let i = 0; i < 20; i += 1) events.event(about(1_000 + i), BOUND);
    await events.flush(AbortSignal.timeout(5_000));
    expect(told).toEqual({ written: 458, dropped: 62, failed: 0 });
  });

  it("says in the log what it tells, once and not for each repetition", () => {
    const { events } = recorder();
    const { log, lines } = recordingLogger();
    for (let i = 0; i < 5; i += 1) events.event(REEL, BOUND, log);
    events.event(REEL, { ...BOUND, type: "Warning", reason: "Contested", message: "whose?" }, log);
    expect(lines).toMatchObject([
      { level: "info", reason: "Bound", action: "Bind", msg: "bound" },
      { level: "warn", reason: "Contested", action: "Bind", msg: "whose?" },
    ]);
  });

  it("tries again what the server could not take, and drops what it refuses", async () => {
    const { events, clock, lines } = recorder();
    server.next.push(answer(500, status(500, "InternalError", "no")));
    events.event(REEL, BOUND);
    await received(1);
    await eventually(() => clock.pending > 0, { what: "waiting to try again", interval: 5 });
    await clock.advance(5_000);
    expect((await received(2))[1]?.body).toMatchObject({ reason: "Bound" });

    server.next.push(answer(403, status(403, "Forbidden", "the namespace is being terminated")));
    events.event(BATCH, BOUND);
    await events.flush(AbortSignal.timeout(5_000));
    expect(server.received).toHaveLength(3);
    expect(lines.at(-1)).toMatchObject({ level: "debug", msg: "an event was not written" });
  });

  it("never throws, whatever it is given", () => {
    const { events, lines } = recorder();
    events.event(undefined as unknown as KubeObject, BOUND);
    events.event(REEL, {} as EventInput);
    expect(lines.filter(({ level }) => level === "warn")).toHaveLength(2);
  });

  it("flushes repetitions that were not told yet, and no longer than it may", async () => {
    const { events, clock } = recorder();
    events.event(REEL, BOUND);
    await received(1);
    events.event(REEL, BOUND);
    await events.flush(AbortSignal.timeout(5_000));
    expect(server.received[1]).toMatchObject({ method: "PATCH", body: { series: { count: 2 } } });
    expect(clock.pending).toBe(0);

    server.otherwise = silence;
    events.event(BATCH, BOUND);
    await events.flush(AbortSignal.timeout(50));
    expect(server.received).toHaveLength(3);
  });

  it("keeps only so many events for a server that is away", async () => {
    const { events } = recorder();
    server.next.push(silence);
    for (let i = 0; i < 2_000; i += 1) {
      events.event({ ...REEL, metadata: { name: `d${i}`, uid: `u-${i}` } }, BOUND);
    }
    await received(1);
    server.disconnect();
    await events.flush(AbortSignal.timeout(200));
    expect(server.received.length).toBeLessThanOrEqual(502);
  });

  it("names the event of an object with a very long name within the limit", async () => {
    const { events } = recorder();
    const name = `${"a".repeat(229)}-${"b".repeat(23)}`;
    events.event({ ...REEL, metadata: { name, uid: "u-3" } }, BOUND);
    const [created] = await received(1);
    expect(nameOf(created)).toMatch(/^a{229}\.[0-9a-f]{16}$/);
  });
});

describe("clipBytes", () => {
  it.each([
    ["short", 10, "short"],
    ["0123456789", 10, "0123456789"],
    ["01234567890", 10, "0123456…"],
    ["ääääää", 10, "äää…"],
    ["😀😀😀", 10, "😀…"],
  ])("%o to %i bytes", (text, bytes, expected) => {
    expect(clipBytes(text, bytes)).toBe(expected);
    expect(Buffer.byteLength(clipBytes(text, bytes))).toBeLessThanOrEqual(bytes);
  });
});
