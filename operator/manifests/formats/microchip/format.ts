import { printable } from "../../printable.ts";
import { PrivateKeyScan } from "../../private-keys.ts";
import type { RefusalReason } from "../../records.ts";
import { countedBytes } from "../cloud-id-csv/table.ts";
import type { Content, Entry, ManifestFormat, ReadChoice } from "../port.ts";
import { asUtf8, toUtf8 } from "../text.ts";
import { ArrayElements, type Element } from "./elements.ts";
import { type DeviceJws, readJws } from "./jws.ts";
import { isSignedBy, readSigners, type Signers } from "./signers.ts";

/** Nine bytes in hex. */
const UNIQUE_ID = /^[0-9a-f]{18}$/i;

/**
 * The manifest of Microchip's Trust Platform: a JSON array of flattened JWS, one a device, each signed by
 * Microchip. With signers, an entry that none of them signed while valid is refused by itself; without, the
 * signatures are not looked at.
 */
export const microchipJson: ManifestFormat = {
  name: "MicrochipJson",
  looksLike: "a JSON array of signed entries, as Microchip has it",
  signed: true,
  accepts: (content) => content.kind === "plain" && isSignedArray(content),
  async *entries(content, limits, signal, choice = {}) {
    const signers = choice.signers === undefined ? undefined : readSigners(choice.signers);
    const scan = new PrivateKeyScan();
    const elements = new ArrayElements(limits);
    const entriesOf = (found: readonly Element[]): Promise<Entry[]> =>
      Promise.all(found.map((element) => entryOf(element, choice, signers)));
    for await (const chunk of asUtf8(countedBytes(content, limits, signal), (text) => scan.push(text))) {
      signal.throwIfAborted();
      yield await entriesOf(elements.push(chunk));
    }
    yield await entriesOf(elements.end());
  },
};

function isSignedArray({ head }: Extract<Content, { kind: "plain" }>): boolean {
  const text = toUtf8(head).toString("utf8").trimStart();
  return /^\[\s*(?:\]|\{)/.test(text) && /^\[\s*\]|"(?:payload|protected|signature|uniqueId)"/.test(text);
}

async function entryOf(element: Element, choice: ReadChoice, signers: Signers | undefined): Promise<Entry> {
  if ("unreadable" in element) return element;
  const { row } = element;
  const jws = readJws(element.value);
  if (typeof jws === "string") return { row, unreadable: `the entry is no signed device: ${jws}` };
  const deviceId = UNIQUE_ID.test(jws.uniqueId) ? jws.uniqueId.toLowerCase() : jws.uniqueId;
  const refused = (reason: RefusalReason, message: string): Entry => ({
    row,
    deviceId,
    refused: reason,
    message,
  });
  const forged = signers === undefined ? undefined : await problemOfSignature(jws, signers);
  if (forged !== undefined) return refused(forged.reason, forged.message);
  if (deviceId !== "" && !UNIQUE_ID.test(deviceId)) {
    return refused("InvalidDeviceId", "the uniqueId must be 18 hex digits");
  }
  const certificate = certificateOf(jws, choice.certificateSlot);
  if (certificate !== undefined) return { row, deviceId, groupId: jws.groupId, certificate };
  return refused("NoCertificate", noCertificate(jws, choice.certificateSlot));
}

async function problemOfSignature(
  jws: DeviceJws,
  signers: Signers,
): Promise<{ reason: RefusalReason; message: string } | undefined> {
  const signer = signers.get(jws.thumbprint ?? "");
  if (signer === undefined) {
    const message =
      "the certificate that the entry says it is signed with (x5t#S256) is none of spec.manifest.signers";
    return { reason: "SignerUnknown", message };
  }
  if (!(await isSignedBy(signer, jws.signed, jws.signature))) {
    const message =
      "the entry's signature is not that of its signer: the entry was changed after it was signed, or damaged";
    return { reason: "SignatureInvalid", message };
  }
  // A signer that has expired since still vouches for what it signed while it was valid.
  const { provisioningTimestamp } = jws;
  const at = typeof provisioningTimestamp === "string" ? Date.parse(provisioningTimestamp) : Number.NaN;
  if (at >= signer.validFrom && at <= signer.validTo) return undefined;
  const when = Number.isNaN(at) ? "at no time that can be read" : `at ${new Date(at).toISOString()}`;
  return {
    reason: "SignerNotValid",
    message: `the entry was made ${when} (provisioningTimestamp), and its signer is valid from ${new Date(signer.validFrom).toISOString()} to ${new Date(signer.validTo).toISOString()}`,
  };
}

/** The device's own certificate: of the key that is asked for, or else of the first one that has any. */
function certificateOf({ keys }: DeviceJws, slot: string | undefined): string | undefined {
  const key = keys.find(({ kid, x5c }) => x5c.length > 0 && (slot === undefined || kid === slot));
  const leaf = key?.x5c[0];
  return typeof leaf === "string" ? leaf : undefined;
}

function noCertificate({ keys, version }: DeviceJws, slot: string | undefined): string {
  const having = keys.flatMap(({ kid, x5c }) => (x5c.length > 0 ? [printable(kid ?? "", 16)] : []));
  if (slot !== undefined && having.length > 0) {
    return `there is no certificate of key "${slot}" (certificateSlot); this entry has certificates of: ${having.slice(0, 8).join(", ")}`;
  }
  const made = typeof version === "number" ? ` (version ${version})` : "";
  return `nothing to provision: the entry${made} holds no certificate`;
}
