import type { Capability } from "../protocol/capabilities.ts";
import { certificateText, certificateTextLength } from "./certificate-text.ts";

/** A certificate to be sent. */
export interface OutgoingCertificate {
  /** Names the device in this request and its answer; may be used once. The vendor's device ID fits. */
  readonly ref: string;
  readonly der: Uint8Array;
}

/** What is around a certificate's text. */
interface Entry {
  readonly before: string;
  readonly der: Uint8Array;
}

const AFTER = '"}';
const TAIL = "]}";

/**
 * The body of a request about certificates, as JSON in UTF-8. Its bytes are written in place: base64 needs no escaping,
 * and text of a megabyte would be made, copied and collected several times.
 * @param batch the Product Batch ID; told, as the refs are as device IDs, where `capabilities` has `batch`
 */
export function certificatesBody(
  action: string,
  certs: readonly OutgoingCertificate[],
  batch: string | undefined,
  capabilities: ReadonlySet<Capability> | undefined,
): Buffer {
  const told = capabilities?.has("batch") === true;
  const frame = JSON.stringify({
    action,
    ...(told && batch !== undefined ? { batch } : {}),
    ...(capabilities?.has("codes") === true ? { codes: true } : {}),
  });
  const head = `${frame.slice(0, -1)},"certs":[`;
  const entries = certs.map(({ ref, der }, index): Entry => {
    const name = JSON.stringify(ref);
    const device = told && isDeviceName(ref) ? `"device":${name},` : "";
    return { before: `${index === 0 ? "" : ","}{"ref":${name},${device}"cert":"`, der };
  });
  const body = Buffer.allocUnsafeSlow(lengthOf(head, entries));
  let at = body.write(head, "utf8");
  for (const { before, der } of entries) {
    at += body.write(before, at, "utf8");
    at += body.write(certificateText(der), at, "latin1");
    at += body.write(AFTER, at, "latin1");
  }
  body.write(TAIL, at, "latin1");
  return body;
}

function lengthOf(head: string, entries: readonly Entry[]): number {
  let length = Buffer.byteLength(head) + TAIL.length;
  for (const { before, der } of entries) {
    length += Buffer.byteLength(before) + certificateTextLength(der.length) + AFTER.length;
  }
  return length;
}

/** What a callee takes as a device's name; one of another form is not told, rather than have the request refused. */
function isDeviceName(ref: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9:_.-]{0,127}$/.test(ref);
}
