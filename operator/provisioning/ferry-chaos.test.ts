import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createIssuer, type FactoryDevice, manifestCsv } from "../../tools/factory/index.ts";
import { ApiError } from "../runtime/api-error.ts";
import { decodeStates } from "./ledger/format.ts";
import { PROVISIONED } from "./ledger/states.ts";
import type { PlacementSpec } from "./placement-spec.ts";
import type { SimulatedManners } from "./testing/cloud.ts";
import { Rig } from "./testing/rig.ts";

const COUNT = 12;
const KEY = "d001/0123456789";
const LEDGER = "d001.0123456789.0";

let devices: readonly FactoryDevice[];

beforeAll(async () => {
  devices = await (await createIssuer()).issueMany(COUNT, { batchId: "D001" });
});

const MOODS = ["well", "throttles", "hides", "loses", "omits", "dies", "hangs"] as const;
type Mood = (typeof MOODS)[number];

type Event =
  | { do: "cloud"; manners: Mood }
  | { do: "restart" | "withdraw" | "meddle" | "delete" | "again" | "writesFail" | "writesWork" }
  | { do: "wait"; ms: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    do: fc.constant("cloud" as const),
    manners: fc.constantFrom(...MOODS),
  }),
  fc.record({
    do: fc.constantFrom("restart", "withdraw", "meddle", "delete", "again", "writesFail", "writesWork"),
  }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 5_000 }) }),
);

function mannersOf(name: Mood): SimulatedManners {
  const some = new Set(devices.slice(0, 3).map(({ deviceId }) => deviceId));
  const moods: Record<Mood, SimulatedManners> = {
    well: {},
    throttles: { throttle: { retryAfterMs: 2_000 } },
    hides: { devicesPerSecond: 1 },
    loses: { loseAnswers: true },
    omits: { leaveOut: some },
    dies: { deadly: some },
    hangs: { latencyMs: 60_000, deadlineMs: 3_000 },
  };
  return { latencyMs: 100, ...moods[name] };
}

/** Watches each write: no device may stand in it as provisioned that the cloud has not let in. */
function watchWrites(rig: Rig): { faults: string[]; fail: boolean } {
  const watched = { faults: [] as string[], fail: false };
  rig.ledgers.beforeWrite = ({ spec }) => {
    decodeStates(spec.format, spec.data, spec.chunk.devices).forEach((state, at) => {
      const ref = devices[at]?.deviceId ?? "";
      if (state === PROVISIONED && !rig.cloud.devices.has(ref)) watched.faults.push(ref);
    });
    if (watched.fail) throw new ApiError("away", { status: 503, reason: "ServiceUnavailable" });
  };
  return watched;
}

async function happen(
  rig: Rig,
  spec: PlacementSpec,
  happening: Event,
  watched: { fail: boolean },
): Promise<PlacementSpec> {
  let next = spec;
  switch (happening.do) {
    case "cloud":
      rig.cloud.manners = mannersOf(happening.manners);
      break;
    case "restart":
      void rig.ferry.close(0);
      rig.ferry = rig.newFerry();
      break;
    case "withdraw":
      rig.ferry.withdraw(KEY);
      break;
    case "meddle":
    case "delete":
      if (rig.ledgers.get(LEDGER) === undefined) break;
      if (happening.do === "meddle") rig.ledgers.meddle(LEDGER);
      else rig.ledgers.drop(LEDGER);
      break;
    case "again":
      next = { ...spec, request: `at ${rig.clock.now()}` };
      break;
    case "writesFail":
    case "writesWork":
      watched.fail = happening.do === "writesFail";
      break;
    case "wait":
      await rig.pass(happening.ms);
      break;
  }
  // As a reconcile does after whatever happened.
  rig.ferry.declare(next);
  await rig.pass(50);
  return next;
}

describe("a ferry to which anything happens", () => {
  it("gets every device in at last, and never takes for provisioned what the cloud has not let in", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 15 }), async (events) => {
        await using rig = await Rig.open({ manners: { latencyMs: 100 } });
        const watched = watchWrites(rig);
        const csv = manifestCsv(devices, { batchId: "D001" });
        let spec = await rig.reel("D001", csv, { limits: { maxDevicesPerRequest: 3, maxInFlight: 2 } });
        rig.ferry.declare(spec);
        for (const each of events) spec = await happen(rig, spec, each, watched);
        rig.cloud.manners = {};
        watched.fail = false;
        // Declared as often as something changes, as controllers do.
        await rig.settleDown(() => rig.ferry.declare(spec), spec, 1_800_000);
        expect(rig.states(spec)).toEqual(devices.map(() => PROVISIONED));
        expect(rig.ledgers.get(LEDGER)?.spec.request).toBe(spec.request);
        expect(watched.faults).toEqual([]);
        expect(rig.cloud.maxInFlight).toBeLessThanOrEqual(
          2 * (1 + events.filter((each) => each.do === "restart").length),
        );
      }),
      { numRuns: 100 },
    );
  });
});
