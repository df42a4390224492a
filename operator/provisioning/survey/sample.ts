import { PROVISIONED } from "../ledger/states.ts";

/** A part of a ledger: what it says of the devices from one ordinal on. */
export interface StateChunk {
  readonly first: number;
  readonly states: Uint8Array;
}

/**
 * Which devices a round asks about: those that the ledger calls provisioned, or so many of them, evenly over the
 * reel. Each round begins one device further on, so that in as many rounds as one leaves out for each that it asks
 * about, everybody is met.
 *
 * @param most how many devices, at most
 * @param round how many rounds were made before
 * @returns their ordinals, in order
 */
export function sampleOf(chunks: readonly StateChunk[], most: number, round: number): number[] {
  const provisioned = chunks.reduce((sum, { states }) => sum + count(states), 0);
  const ranks = provisioned <= most ? undefined : spread(provisioned, most, round);
  const ordinals: number[] = [];
  let rank = 0;
  for (const { first, states } of chunks.toSorted((a, b) => a.first - b.first)) {
    for (const [at, state] of states.entries()) {
      if (state !== PROVISIONED) continue;
      if (ranks === undefined || ranks.has(rank)) ordinals.push(first + at);
      rank += 1;
    }
  }
  return ordinals;
}

function spread(devices: number, most: number, round: number): Set<number> {
  const stride = devices / most;
  const start = round % Math.ceil(stride);
  return new Set(Array.from({ length: most }, (_, at) => (Math.floor(at * stride) + start) % devices));
}

function count(states: Uint8Array): number {
  let provisioned = 0;
  for (const state of states) if (state === PROVISIONED) provisioned += 1;
  return provisioned;
}
