import { CHUNK_DEVICES } from "./format.ts";
import {
  addCounts,
  bucketOf,
  type Counts,
  countStates,
  type DeviceState,
  LEAVING,
  PENDING,
  PROVISIONED,
  QUARANTINED,
  REMOVED,
} from "./states.ts";

/** One chunk of a ledger in memory: up to CHUNK_DEVICES devices, a byte each. */
export interface Chunk {
  readonly index: number;
  readonly states: Uint8Array;
  /** The handled "provision now" request; undefined when none was made yet. */
  request: string | undefined;
  /** Counted anew when something changed. */
  counts: Counts;
  /** Changed since it was last written. */
  dirty: boolean;
  /** Resource version of the object that was last read or written; undefined when there is none yet. */
  resourceVersion: string | undefined;
}

/** Which devices of one reel are in one product cloud. Devices are named by their ordinal in the manifest. */
export class Ledger {
  readonly records: number;
  readonly chunks: readonly Chunk[];
  startedAt: string | undefined;
  provisionedAt: string | undefined;
  deviceEndpoint: string | undefined;
  /** Moves whenever a "provision now" request makes devices pending again: older answers count no more. */
  epoch = 0;

  /** @param records how many records the manifest has, refused ones included. */
  constructor(records: number) {
    this.records = records;
    this.chunks = Array.from({ length: Math.max(1, Math.ceil(records / CHUNK_DEVICES)) }, (_, index) => {
      const states = new Uint8Array(Math.min(CHUNK_DEVICES, records - index * CHUNK_DEVICES));
      return {
        index,
        states,
        request: undefined,
        counts: countStates(states),
        dirty: true,
        resourceVersion: undefined,
      };
    });
  }

  state(ordinal: number): DeviceState {
    return this.#chunk(ordinal).states[ordinal % CHUNK_DEVICES] ?? PENDING;
  }

  /** Notes a device's state; a state that it has already makes nothing dirty. */
  mark(ordinal: number, state: DeviceState): void {
    const chunk = this.#chunk(ordinal);
    const at = ordinal % CHUNK_DEVICES;
    const before = chunk.states[at] ?? PENDING;
    if (before === state) return;
    chunk.states[at] = state;
    chunk.counts[bucketOf(before)] -= 1;
    chunk.counts[bucketOf(state)] += 1;
    chunk.dirty = true;
  }

  /**
   * Takes up a "provision now" request: every device that is provisioned or failed is pending again, in
   * each chunk that has not handled this request yet. A chunk that was never written takes the request
   * as handled, for its devices are pending anyway.
   */
  takeUp(request: string | undefined): void {
    if (request === undefined || this.chunks.every((chunk) => chunk.request === request)) return;
    this.epoch += 1;
    for (const chunk of this.chunks) {
      if (chunk.request === request) continue;
      chunk.request = request;
      chunk.dirty = true;
      chunk.states.forEach((state, at) => {
        if (state !== QUARANTINED) chunk.states[at] = PENDING;
      });
      chunk.counts = countStates(chunk.states);
    }
    if (this.counts().pending > 0) this.provisionedAt = undefined;
  }

  /** Has devices that were taken out, or were to be, go in again: their cloud is wanted once more. */
  readmit(): void {
    if (this.#turn([REMOVED, LEAVING], PENDING)) this.provisionedAt = undefined;
  }

  /** Calls no device provisioned any more: all of them are about to be taken out. */
  dismiss(): void {
    this.#turn([PROVISIONED], LEAVING);
  }

  /** Devices that may be in the cloud: all that could be sent and are not known to be out again. */
  get within(): number {
    const { provisioned, failed, pending, leaving } = this.counts();
    return provisioned + failed + pending + leaving;
  }

  /** Whether any part of it was written, so that devices may have left. */
  get begun(): boolean {
    return this.chunks.some((chunk) => chunk.resourceVersion !== undefined);
  }

  counts(): Counts {
    return addCounts(this.chunks.map((chunk) => chunk.counts));
  }

  /** Has the head written again, for what stands in it beside the devices has changed. */
  touchHead(): void {
    const [head] = this.chunks;
    if (head !== undefined) head.dirty = true;
  }

  get dirty(): boolean {
    return this.chunks.some((chunk) => chunk.dirty);
  }

  /** Has every device in one of some states be in another. @returns whether there was any. */
  #turn(from: readonly DeviceState[], to: DeviceState): boolean {
    const concerned = this.chunks.filter(({ counts }) => from.some((state) => counts[bucketOf(state)] > 0));
    for (const chunk of concerned) {
      chunk.states.forEach((state, at) => {
        if (from.includes(state)) chunk.states[at] = to;
      });
      chunk.counts = countStates(chunk.states);
      chunk.dirty = true;
    }
    return concerned.length > 0;
  }

  #chunk(ordinal: number): Chunk {
    const chunk = this.chunks[Math.floor(ordinal / CHUNK_DEVICES)];
    if (chunk === undefined || ordinal < 0 || ordinal >= this.records) {
      throw new RangeError(`device ${ordinal} is outside a ledger of ${this.records}`);
    }
    return chunk;
  }
}
