import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NEXT_TRY } from "../operator/controllers/next-try.ts";
import { eventsAbout } from "./field/events.ts";
import { Field } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { eventually } from "./harness/index.ts";

/** A state in which a batch may rest without being ready. */
interface Rest {
  readonly reason: string;
  readonly bring: () => Promise<void>;
  /** Whose turn it is: by itself (Reconciling) or a person's (Stalled). */
  readonly turn: "Reconciling" | "Stalled";
  /** Why, what to do, and what happens then. */
  readonly says: readonly RegExp[];
}

describe("what a person reads of a batch that is not bound, or not under way", () => {
  let field: Field;
  let acme: Site;
  let zeta: Site;

  beforeAll(async () => {
    field = await Field.open();
    await field.operator();
    [acme, zeta] = await Promise.all([Site.open(field, "acme"), Site.open(field, "zeta")]);
  });

  afterAll(async () => {
    await field.close();
  });

  const manual = { provisioning: "Manual" } as const;

  const rests: readonly Rest[] = [
    {
      reason: "ReelNotFound",
      bring: async () => acme.bind("S-ReelNotFound", undefined),
      turn: "Reconciling",
      says: [/no Reel for batch S-ReelNotFound/, /Check the batch ID/, /bound when one appears/],
    },
    {
      reason: "Contested",
      bring: async () => {
        await acme.bind("S-Contested", undefined);
        await zeta.bind("S-Contested", undefined);
        await acme.notReady("S-Contested", "False", "ReelNotFound");
        await zeta.notReady("S-Contested", "False", "ReelNotFound");
        await field.ship("S-Contested", 1);
      },
      turn: "Reconciling",
      says: [/several accounts waited/, /spec\.reservedFor of Reel s-contested/, /bound by itself/],
    },
    {
      reason: "Reserved",
      bring: async () => {
        await field.ship("S-Reserved", 1, { reservedFor: { namespace: "zeta" } });
        await acme.bind("S-Reserved", undefined);
      },
      turn: "Stalled",
      says: [/reserved for another account/, /ask who keeps the reels/, /otherwise delete this batch/],
    },
    {
      reason: "AlreadyBound",
      bring: async () => {
        await field.ship("S-AlreadyBound", 1);
        await zeta.bind("S-AlreadyBound", undefined, manual);
        await zeta.ready("S-AlreadyBound");
        await acme.bind("S-AlreadyBound", undefined);
      },
      turn: "Stalled",
      says: [/already bound to another account/, /ask an administrator/, /otherwise delete this batch/],
    },
    {
      reason: "Suspended",
      bring: async () => {
        await field.ship("S-Suspended", 1);
        await acme.bind("S-Suspended", undefined, { suspend: true });
      },
      turn: "Stalled",
      says: [/spec\.suspend of this batch is true/, /not kept for it/, /Set it to false/],
    },
    {
      reason: "ReelNotReady",
      bring: async () => {
        await field.reel("S-ReelNotReady", { configMap: { name: "nowhere", key: "x" } });
        await acme.bind("S-ReelNotReady", undefined);
      },
      turn: "Reconciling",
      says: [
        /cannot be used: SourceUnavailable/,
        /nowhere does not exist/,
        /next try at 2/,
        /who keeps the reels/,
      ],
    },
    {
      reason: "CertificateSlotChanged",
      bring: async () => {
        await field.ship("S-CertificateSlotChanged", 1);
        const batchId = "S-CertificateSlotChanged";
        await field.batch("acme", "earlier", { batchId, ...manual, certificateSlot: "E0E1" });
        await field.awaitReady("acme", "earlier");
        await field.deleteBatch("acme", "earlier");
        await acme.bind(batchId, undefined, { ...manual, certificateSlot: "E0E0" });
      },
      turn: "Stalled",
      says: [/bound with certificateSlot E0E1/, /to the same here/],
    },
  ];

  it.each(rests)("$reason: why, whose turn it is, and what to do", async ({ reason, bring, turn, says }) => {
    await bring();
    const name = `s-${reason.toLowerCase()}`;
    const batch = await field.awaitBatch("acme", name, { type: "Bound", status: "False", reason });
    const conditions = batch.status?.conditions ?? [];
    expect(conditions.map(({ type }) => type).sort()).toEqual(["Bound", "Ready", turn].sort());
    const [first] = conditions;
    for (const condition of conditions) expect(condition).toMatchObject({ reason, message: first?.message });
    for (const each of says) expect(first?.message).toMatch(each);
    expect(first?.message).not.toContain("zeta");

    const type = reason === "Suspended" ? "Normal" : "Warning";
    // The time of a next try moves on: no Event tells it.
    const words = first?.message.replaceAll(NEXT_TRY, "");
    await eventually(
      async (signal) => {
        const about = { kind: "DeviceBatch", namespace: "acme", name };
        expect(await eventsAbout(field.client, about, signal)).toContain(`${type} ${reason}: ${words}`);
        return true;
      },
      { what: "the same words stand in an Event" },
    );
  });

  it("shows at the Reel that it is contested, for those who can decide it", async () => {
    const contested = await field.awaitReel("S-Contested", "False", "Contested");
    expect(contested.status).toMatchObject({ phase: "Available", devices: 1 });
    const message = contested.status?.conditions?.find(({ type }) => type === "Ready")?.message;
    expect(message).toMatch(/Say whose it is with spec\.reservedFor/);
    expect(message).not.toMatch(/acme|zeta/);
    await eventually(async (signal) =>
      (await eventsAbout(field.client, { kind: "Reel", name: "s-contested" }, signal)).some((event) =>
        event.startsWith("Warning Contested"),
      ),
    );
    await field.deleteBatch("zeta", "s-contested");
    await field.awaitReel("S-Contested", "True", "Bound");
  });

  it("tells a batch of the same account which other batch has the reel, and how it gets it", async () => {
    await field.ship("SAME", 1);
    await field.batch("acme", "one", { batchId: "SAME", ...manual });
    await field.awaitReady("acme", "one");
    await field.batch("acme", "two", { batchId: "SAME", ...manual });
    const two = await field.awaitBatch("acme", "two", {
      type: "Bound",
      status: "False",
      reason: "AlreadyBound",
    });
    const message = two.status?.conditions?.find(({ type }) => type === "Bound")?.message;
    expect(message).toMatch(/by DeviceBatch one of this account. Delete one of the two; when one goes/);
    await field.deleteBatch("acme", "one");
    await field.awaitReady("acme", "two");
    await eventually(async (signal) => {
      const about = { kind: "DeviceBatch", namespace: "acme", name: "two" };
      const told = await eventsAbout(field.client, about, signal);
      return told.find((event) =>
        /^Normal TakenUp: reel SAME .* has had since 2.* not sent again$/.test(event),
      );
    });
  });

  it("keeps counting what is in a cloud whose CloudApi is gone, and says how the batch came to name it", async () => {
    const cloud = await acme.aws("gone", { default: true });
    const devices = await field.ship("DONE", 2);
    await acme.bind("DONE", undefined);
    await acme.ready("DONE");
    const { spec } = await field.cloudApis.get({ namespace: "acme", name: "gone" });
    await field.cloudApis.delete({ namespace: "acme", name: "gone" });
    const held = await acme.notReady("DONE", "False", "CloudBlocked");
    expect(held.status).toMatchObject({ boundDevices: 2, provisionedDevices: 2 });
    const [line] = held.status?.clouds ?? [];
    expect(line).toMatchObject({ state: "Blocked", provisioned: 2, pending: 0 });
    expect(line?.message).toMatch(
      /CloudApi gone, the account's default when the reel was bound, is gone\. .*What to do: create it, or change spec\.cloudApis/,
    );
    await field.api("acme", "gone", spec);
    await acme.ready("DONE");
    expect(devices.map(({ deviceId }) => cloud.received.times(deviceId))).toEqual([1, 1]);
  });
});
