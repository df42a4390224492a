import type { RefusalReason } from "../records.ts";
import { containsPrivateKey, isPrivateKeyDer, PrivateKeyScan } from "../private-keys.ts";

/** A certificate's DER, or why the field does not give one. */
export type Decoded = { der: Buffer } | Refusal;

export interface Refusal {
  reason: RefusalReason;
  message: string;
}

const BLOCK =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]*)-----END (?:X509 |TRUSTED )?CERTIFICATE-----(.?)/s;
/** Not tried again within a run of backslashes: that would take time with the square of its length. */
const WRITTEN_LINE_END = /(?<!\\)\\+[rn]/g;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Reads the certificate field of a row: PEM, PEM whose line ends are written as `\n`, base64 of a PEM file,
 * or base64 of DER. Text before a PEM certificate is passed over. Nothing is guessed: a character that is none
 * of base64 makes it unreadable, and so does text behind a PEM certificate.
 * @throws ManifestError ContainsPrivateKey
 */
export function decodeCertificate(field: string): Decoded {
  const text = field.includes("\\") ? field.replaceAll(WRITTEN_LINE_END, "\n") : field;
  if (text.trim() === "") return unreadable("the certificate field is empty");
  if (text.includes("-----BEGIN ")) return decodePem(text);
  const bytes = decodeBase64(text);
  if (bytes === undefined) {
    return unreadable("the certificate field is neither PEM (-----BEGIN CERTIFICATE-----) nor base64");
  }
  new PrivateKeyScan().push(bytes);
  if (bytes.includes("-----BEGIN ")) return decodePem(bytes.toString("latin1"));
  if (isPrivateKeyDer(bytes)) throw containsPrivateKey();
  return { der: bytes };
}

function decodePem(text: string): Decoded {
  if (text.includes("PRIVATE KEY")) throw containsPrivateKey();
  const begins = text.split("-----BEGIN ").length - 1;
  if (begins > 1) {
    return {
      reason: "ChainInsteadOfLeaf",
      message: `the certificate field holds ${begins} PEM blocks; it must be the device's own certificate alone, without its issuers`,
    };
  }
  const [, body, after] = BLOCK.exec(text.trimEnd()) ?? [];
  if (body === undefined) {
    return unreadable(
      "the PEM text is no whole certificate: BEGIN CERTIFICATE and END CERTIFICATE are needed",
    );
  }
  if (after !== "") return unreadable("text follows the PEM certificate in its field");
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
