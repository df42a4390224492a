/**
 * How often devices were refused without a certain reason. v1 has one text for a device that it cannot take
 * and for a cloud that is too busy; what tells them apart is whether others got in meanwhile.
 */
export class Refusals {
  #admitted = 0;
  readonly #devices = new Map<number, { times: number; admitted: number }>();

  /** Devices that were let in. */
  admitted(devices: number): void {
    this.#admitted += devices;
  }

  /** How often a device was refused since it was let in, or asked for anew. */
  times(ordinal: number): number {
    return this.#devices.get(ordinal)?.times ?? 0;
  }

  /**
   * Notes a refusal.
   * @returns whether others were let in since this device was refused before: then it is likely to be its own.
   */
  refused(ordinal: number): boolean {
    const before = this.#devices.get(ordinal);
    this.#devices.set(ordinal, { times: (before?.times ?? 0) + 1, admitted: this.#admitted });
    return before !== undefined && this.#admitted > before.admitted;
  }

  forget(ordinal: number): void {
    this.#devices.delete(ordinal);
  }

  clear(): void {
    this.#devices.clear();
  }
}
