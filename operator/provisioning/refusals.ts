import type { Departure } from "./pace.ts";

/** Evidence counts less and less: so many later ones leave a third of it. */
const MEMORY = 30;
/** Before so much evidence, nothing is concluded. */
const ENOUGH = 3;
/** From this share on, those who are refused again are taken for the ones at fault; and below that, for those who are not. */
const OWN = 0.35;
const NOT_OWN = 0.2;
/** Where more than this are refused at first, it is not the devices. */
const MOST = 0.5;

/** A device as it came out of a request. */
interface Refused {
  times: number;
  /** How many devices had been let in by then. */
  admitted: number;
  /** The request in which it was refused last. */
  left: Departure;
}

/**
 * How often devices were refused without a certain reason. v1 has one text for a device that it cannot take and
 * for a cloud that is too busy. Which of them it is shows when devices are asked for again: a busy cloud refuses
 * these as often as others that are sent with them, and a device that it cannot take every time. So where some are
 * known to be at fault, a refusal is taken for the cloud's only when the device is let in later.
 */
export class Refusals {
  #admitted = 0;
  readonly #devices = new Map<number, Refused>();
  /** Devices that were sent for the first time of late, and how many of them were refused. */
  #firsts = 0;
  #refusedFirsts = 0;
  /** By how much more than that devices are refused that were before; and by how much they could be. */
  #excess = 0;
  #possible = 0;
  #wary = true;

  /** How often a device was refused since it was let in, or asked for anew. */
  times(ordinal: number): number {
    return this.#devices.size === 0 ? 0 : (this.#devices.get(ordinal)?.times ?? 0);
  }

  /** Whether anybody was ever let in. */
  get anyLetIn(): boolean {
    return this.#admitted > 0;
  }

  /** Notes an answer as a whole, before its refusals. @param firsts devices that had not been refused before */
  answered(admitted: number, firsts: number, refusedFirsts: number): void {
    this.#admitted += admitted;
    const keep = Math.max(0, 1 - firsts / MEMORY);
    this.#firsts = this.#firsts * keep + firsts;
    this.#refusedFirsts = this.#refusedFirsts * keep + refusedFirsts;
  }

  /** Whether refusals say something of the cloud at once; if not, only when the device is let in later. */
  get areTelling(): boolean {
    return !this.#wary || (this.#firsts >= ENOUGH && this.#share > MOST);
  }

  /**
   * Notes a refusal.
   * @param perhapsBusy whether it may be for a busy cloud
   * @returns whether others were let in since this device was refused before: then it is likely to be its own.
   */
  refused(ordinal: number, left: Departure, perhapsBusy: boolean): boolean {
    const before = this.#devices.get(ordinal);
    if (before !== undefined && perhapsBusy) this.#weigh(1 - this.#share);
    this.#devices.set(ordinal, { times: (before?.times ?? 0) + 1, admitted: this.#admitted, left });
    return before !== undefined && this.#admitted > before.admitted;
  }

  /** Notes that a device was let in. @returns the request in which it was refused although nothing was wrong with it */
  letIn(ordinal: number): Departure | undefined {
    const before = this.#devices.get(ordinal);
    if (before === undefined) return undefined;
    this.#devices.delete(ordinal);
    this.#weigh(-this.#share);
    return before.left;
  }

  forget(ordinal: number): void {
    this.#devices.delete(ordinal);
  }

  clear(): void {
    this.#devices.clear();
  }

  /** Whether those who are refused again and again are at fault themselves, as a rule. */
  get areOwn(): boolean {
    return this.#possible >= ENOUGH && this.#excess >= this.#possible * OWN;
  }

  get #share(): number {
    return this.#firsts === 0 ? 0 : this.#refusedFirsts / this.#firsts;
  }

  #weigh(excess: number): void {
    const keep = 1 - 1 / MEMORY;
    this.#excess = this.#excess * keep + excess;
    this.#possible = this.#possible * keep + (1 - this.#share);
    if (this.#possible < ENOUGH) return;
    if (this.areOwn) this.#wary = true;
    else if (this.#excess < this.#possible * NOT_OWN) this.#wary = false;
  }
}
