/** A Product Batch ID, as the cluster takes it. */
export const BATCH_ID = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/u;

/**
 * The batch ID of what a QR code says: the `groupId` of a link to whatever host (vendors' labels lead to the vendor's),
 * or the ID alone. Undefined when it is no reel's.
 */
export function batchIdOf(text: string): string | undefined {
  const said = text.trim();
  const id = /^https?:/iu.test(said) ? (URL.parse(said)?.searchParams.get("groupId")?.trim() ?? "") : said;
  return BATCH_ID.test(id) ? id : undefined;
}
