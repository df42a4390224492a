import type { RefusalReason } from "../records.ts";
import { containsPrivateKey, isPrivateKeyDer } from "../private-keys.ts";

/** A certificate's DER, or why the field does not give one. */
export type Decoded = { der: Buffer } | Refusal;

export interface Refusal {
  reason: RefusalReason;
  message: string;
}

const BLOCK =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]*)-----END (?:X509 |TRUSTED )?CERTIFICATE-----/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Reads the certificate field of a row: PEM, PEM whose line ends are written as `\n`, base64 of a PEM file,
 * or base64 of DER. Nothing is guessed: a character that is none of base64 makes it unreadable.
 * @throws ManifestError ContainsPrivateKey
 */
export function decodeCertificate(field: string): Decoded {
  const text = field.includes("\\") ? field.replaceAll(/\\+[rn]/g, "\n") : field;
  if (text.trim() === "") return unreadable("the certificate field is empty");
  if (text.includes("-----BEGIN ")) return decodePem(text);
  const bytes = decodeBase64(text);
  if (bytes === undefined) {
    return unreadable("the certificate field is neither PEM (-----BEGIN CERTIFICATE-----) nor base64");
  }
  if (bytes.includes("-----BEGIN ")) return decodePem(bytes.toString("latin1"));
  if (isPrivateKeyDer(bytes)) throw containsPrivateKey();
  return { der: bytes };
}

/** Whether a field that should not be one holds base64 of a private key in DER. */
export function isEncodedPrivateKey(field: string): boolean {
  // 0x30, the tag of a SEQUENCE, is "M" in base64.
  if (field.length < 44 || !field.startsWith("M")) return false;
  const bytes = decodeBase64(field);
  return bytes !== undefined && isPrivateKeyDer(bytes);
}

function decodePem(text: string): Decoded {
  const begins = text.split("-----BEGIN ").length - 1;
  if (begins > 1) {
    return {
      reason: "ChainInsteadOfLeaf",
      message: `the certificate field holds ${begins} PEM blocks; it must be the device's own certificate alone, without its issuers`,
    };
  }
  const body = BLOCK.exec(text)?.[1];
  if (body === undefined) {
    return unreadable(
      "the PEM text is no whole certificate: BEGIN CERTIFICATE and END CERTIFICATE are needed",
    );
  }
  const der = decodeBase64(body);
  if (der === undefined) return unreadable("the PEM text holds characters that are not base64");
  if (isPrivateKeyDer(der)) throw containsPrivateKey();
  return { der };
}

function decodeBase64(text: string): Buffer | undefined {
  const compact = text.replaceAll(/\s+/g, "");
  if (compact === "" || !BASE64.test(compact)) return undefined;
  return Buffer.from(compact, "base64");
}

function unreadable(message: string): Refusal {
  return { reason: "CertificateUnreadable", message };
}
