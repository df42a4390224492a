// Pages load this too: it uses nothing but what browsers have.

/** The address that vendors print: its host says nothing about where the reel is bound. */
export const VENDOR_LABEL_BASE = "https://cirrent.infineon.com";

/** A Product Batch ID, as the cluster takes it. */
export const BATCH_ID = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
/** Of the link in a reel's QR code: holds the batch ID. */
export const PARAMETER = "groupId";
const PATH = "/cloud-id";

/** A text that should name a reel and does not; the message says what to give instead. */
export class BatchIdError extends Error {
  override readonly name = "BatchIdError";
}

/**
 * The batch ID of a text: the ID itself, or what the QR code of a reel says. Of a link its `groupId` counts, whatever
 * host it names: vendors' labels carry the vendor's. Undefined where it is no reel's.
 */
export function batchIdOf(text: string): string | undefined {
  const said = text.trim();
  const id = linkOf(said)?.searchParams.get(PARAMETER)?.trim() ?? said;
  return BATCH_ID.test(id) ? id : undefined;
}

/**
 * The Product Batch ID that a person gave, see {@link batchIdOf}.
 * @throws BatchIdError
 */
export function batchIdFrom(given: string): string {
  const found = batchIdOf(given);
  if (found !== undefined) return found;
  const text = given.trim();
  if (linkOf(text) !== null) {
    throw new BatchIdError(
      `the link names no batch: it should end in ${PATH}?${PARAMETER}=BID, as the QR code of a reel does`,
    );
  }
  const shown = text.length > 70 ? `${text.slice(0, 70)}…` : text;
  throw new BatchIdError(
    `${JSON.stringify(shown)} is no batch ID: give letters, digits and hyphens (at most 63, a letter or digit at both ends) as printed on the reel, or the link in its QR code`,
  );
}

/** The name of the Reel, and of all that is named after it: batch IDs are compared without regard to case. */
export function reelNameFor(batchId: string): string {
  return batchId.toLowerCase();
}

/**
 * What the QR code of a reel says.
 * @param base scheme and host of a console of one's own, where phones are to open it; the vendor's unless given
 * @throws BatchIdError when the base is no http(s) address
 */
export function labelLink(batchId: string, base: string = VENDOR_LABEL_BASE): string {
  const url = linkOf(base);
  if (url === null || url.username !== "" || url.password !== "") {
    throw new BatchIdError(
      `${JSON.stringify(base.slice(0, 70))} is no address for a QR code: give scheme and host, e.g. https://console.example.com`,
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}${PATH}?${PARAMETER}=${encodeURIComponent(batchId)}`;
}

function linkOf(text: string): URL | null {
  return /^https?:\/\//iu.test(text) ? URL.parse(text) : null;
}
