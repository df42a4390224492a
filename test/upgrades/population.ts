import { ENTRY_MESSAGES } from "../../interop/protocol/messages.ts";
import type { Field } from "../field/field.ts";
import { Site } from "../field/site.ts";
import { eventually } from "../harness/index.ts";

/** The batch that is half-way when everything stops, and how many devices it has. */
export const HALF_WAY = { account: "acme", name: "half-way", api: "slow", devices: 40 } as const;

/**
 * Fills a cluster with a batch in each state that a batch may rest in, and one that is half-way when this returns. No spec
 * is changed once it is there, so that every object is of its first generation, as it is again when it is made anew.
 */
export async function populate(field: Field): Promise<void> {
  const acme = await Site.open(field, "acme");
  const zeta = await Site.open(field, "zeta");
  await acme.aws("first", { default: true });
  await acme.aws("second");
  await acme.aws("slow", { limits: { devicesPerSecond: 10, maxDevicesPerRequest: 5 } });
  const picky = await acme.aws("picky");
  await zeta.aws("cloud");

  await field.ship("TWO", 3);
  await acme.bind("TWO", ["first", "second"], { deletionPolicy: "Deprovision" });
  await acme.ready("TWO");
  await acme.provisionNow("TWO", "2026-11-23T10:00:00Z");
  await acme.reprovisioned("TWO", "2026-11-23T10:00:00Z");
  await field.ship("MANUAL", 2);
  await acme.bind("MANUAL", undefined, { provisioning: "Manual" });
  await acme.ready("MANUAL");
  await field.ship("CHOSEN", 2);
  await acme.bind("CHOSEN", undefined);
  await acme.ready("CHOSEN");
  const [bad] = await field.ship("FAILED", 3);
  picky.manners = { refuse: { refs: [bad?.deviceId ?? ""], message: ENTRY_MESSAGES.validityOutOfRange } };
  await acme.bind("FAILED", ["picky"]);
  await acme.notReady("FAILED", "False", "DevicesFailed");
  await field.ship("KEPT", 2);
  await acme.bind("KEPT", ["first"]);
  await acme.ready("KEPT");
  await field.deleteBatch("acme", "kept");
  await zeta.bind("TWO", ["cloud"]);
  await zeta.notReady("TWO", "False", "AlreadyBound");
  await zeta.bind("NOWHERE", ["cloud"]);
  await zeta.notReady("NOWHERE", "False", "ReelNotFound");

  await field.ship("HALF-WAY", HALF_WAY.devices);
  await acme.bind("HALF-WAY", [HALF_WAY.api]);
  await eventually(
    async (signal) => {
      const { items } = await field.ledgers.list({ labelSelector: "certferry.dev/reel=half-way" }, signal);
      return (items[0]?.spec.counts.provisioned ?? 0) > 0;
    },
    { interval: 20, what: "the first checkpoint of a batch that takes its time" },
  );
}
