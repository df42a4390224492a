/**
 * Does `work` for each item, at most `limit` at a time.
 * @returns the results in the items' order; the first error ends it
 */
export async function sideBySide<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  async function lane(): Promise<void> {
    // The lanes share one iterator: each takes the next item that nobody has.
    for (const [index, item] of queue) results[index] = await work(item);
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}
