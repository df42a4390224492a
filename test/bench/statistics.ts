/** The middle value; the mean of the two in the middle of an even number. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** The median of `a / b` over pairs that were measured one after the other: a machine that slows down slows both. */
export function medianRatio(pairs: readonly { readonly a: number; readonly b: number }[]): number {
  return median(pairs.map(({ a, b }) => a / b));
}
