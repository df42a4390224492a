import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../operator/runtime/clock.ts";
import { type QuotaAnswer, QuotaCloud, type QuotaManners } from "./quota.ts";

const MANNERS = { devicesPerSecond: 10, msPerDevice: 20, gatewayMs: 29_000 };

class Rig {
  readonly clock = new ManualClock();
  letIn = 0;
  readonly #cloud: QuotaCloud;

  constructor(manners: QuotaManners) {
    this.#cloud = new QuotaCloud(
      manners,
      this.clock,
      () => 0.5,
      (devices) => {
        this.letIn += devices;
      },
    );
  }

  /** Sends a request, and moves the clock until it is answered. @returns the answer, and after how long it came */
  async answer(devices: number): Promise<{ answer: QuotaAnswer; ms: number }> {
    const started = this.clock.now();
    const answered: QuotaAnswer[] = [];
    void this.#cloud.answer(devices).then((answer) => answered.push(answer));
    for (;;) {
      const [answer] = answered;
      if (answer !== undefined) return { answer, ms: this.clock.now() - started };
      await this.clock.advance(1);
    }
  }
}

describe("a cloud with a quota", () => {
  it("refuses a request as a whole when there is no room for all of it, and lets in nobody", async () => {
    const rig = new Rig({ ...MANNERS, refusal: "429" });
    expect((await rig.answer(11)).answer.status).toBe(429);
    expect((await rig.answer(10)).answer.status).toBe(200);
    // The first request's worth was earned back while it was worked on: 200 ms.
    expect((await rig.answer(3)).answer.status).toBe(429);
    expect(rig.letIn).toBe(10);
    await rig.clock.advance(1_000);
    expect((await rig.answer(10)).answer.status).toBe(200);
  });

  it("hides what is above the quota in a 200, and lets in no more than it says", async () => {
    const rig = new Rig({ ...MANNERS, refusal: "hidden" });
    const { answer, ms } = await rig.answer(40);
    expect(answer.status).toBe(200);
    const letIn = answer.status === 200 ? answer.letIn.filter(Boolean).length : 0;
    expect(letIn).toBe(rig.letIn);
    expect(letIn).toBeLessThanOrEqual(10 + ms / 100 + 1);
    // Each that found no room was asked for again after 250 and after 500 ms.
    expect(ms).toBeGreaterThan(2_000);
  });

  it("is cut off by its gateway and works on behind it", async () => {
    const rig = new Rig({ ...MANNERS, refusal: "429", devicesPerSecond: 1_000, msPerDevice: 100 });
    const { answer, ms } = await rig.answer(400);
    expect([answer.status, ms]).toEqual([504, 29_000]);
    expect(rig.letIn).toBeLessThan(300);
    await rig.clock.advance(11_000);
    expect(rig.letIn).toBe(400);
  });
});
