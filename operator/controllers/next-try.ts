/** In a message: when the next try is, at the earliest. @param at epoch ms */
export function nextTry(at: number): string {
  const time = new Date(Math.ceil(at / 1_000) * 1_000).toISOString();
  return `; next try at ${time.slice(0, 19)}Z`;
}

/** Finds those in a text: they move on, and make nothing new of it. */
export const NEXT_TRY = /; next try at [0-9TZ:-]+/g;
