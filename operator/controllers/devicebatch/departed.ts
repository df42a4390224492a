import type { ProvisioningLedger } from "../../../crds/index.ts";
import type { EventInput } from "../../runtime/events.ts";
import type { EventReason } from "../reasons.ts";
import { type Departure, stillIn } from "./departures.ts";

interface Leaving {
  /** Of the CloudApi. */
  readonly name: string;
  /** Those who are still in, and those who are out already. */
  readonly devices: number;
}

/** Remembers which clouds the devices of batches are leaving, and tells when the last is out. */
export class DepartureNews {
  readonly #leaving = new Map<string, ReadonlyMap<string, Leaving>>();

  /**
   * @param key the batch's
   * @param ledgers all that the batch's reel has: where one is left, devices may be in (somebody wants them there
   * again, or has them left there)
   * @returns an Event for each cloud that has been left since the last look
   */
  of(
    key: string,
    departures: readonly Departure[],
    ledgers: readonly ProvisioningLedger[],
  ): EventInput<EventReason>[] {
    const before = this.#leaving.get(key);
    const now = new Map(
      departures.map(({ name, target, counts }): [string, Leaving] => [
        target,
        { name, devices: stillIn(counts) + counts.removed },
      ]),
    );
    if (now.size > 0) this.#leaving.set(key, now);
    else this.#leaving.delete(key);
    const there = new Set(ledgers.map(({ spec }) => spec.target.key));
    const left = [...(before ?? [])].filter(
      ([target, { devices }]) => !now.has(target) && !there.has(target) && devices > 0,
    );
    return left.map(([, { name, devices }]) => ({
      type: "Normal",
      reason: "Deprovisioned",
      action: "Deprovision",
      message: `${devices} devices are out of ${name}`,
    }));
  }

  /** Of a batch that is gone. */
  forget(key: string): void {
    this.#leaving.delete(key);
  }
}
