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
  const plain = decodePlainPem(field);
  if (plain === undefined) return decodeAny(field);
  if (isPrivateKeyDer(plain)) throw containsPrivateKey();
  return { der: plain };
}

const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";
const COLUMNS = 64;
const LF = 0x0a;
const CR = 0x0d;

/**
 * The usual form: a PEM certificate in lines of 64 characters, and nothing else.
 * @returns undefined for every other form
 */
function decodePlainPem(field: string): Buffer | undefined {
  if (!field.startsWith(BEGIN)) return undefined;
  const lineEnd = lineEndAt(field, BEGIN.length);
  let end = field.length;
  if (lineEndAt(field, end - lineEnd) === lineEnd) end -= lineEnd;
  if (lineEnd === 0 || !field.endsWith(END, end)) return undefined;
  const start = BEGIN.length + lineEnd;
  const length = end - END.length - start;
  const lines = Math.ceil(length / (COLUMNS + lineEnd));
  for (let line = 1; line <= lines; line += 1) {
    const at = line === lines ? start + length - lineEnd : start + line * (COLUMNS + lineEnd) - lineEnd;
    if (lineEndAt(field, at) !== lineEnd) return undefined;
  }
  return decodeStrictly(field.slice(start, start + length), length - lines * lineEnd);
}

/** Characters of the line end at a place: 1 for LF, 2 for CR LF, 0 for anything else. */
function lineEndAt(text: string, at: number): 0 | 1 | 2 {
  const code = text.charCodeAt(at);
  if (code === LF) return 1;
  return code === CR && text.charCodeAt(at + 1) === LF ? 2 : 0;
}

/**
 * Decodes base64 without looking at each character: node passes over those that are none, so it yields fewer bytes
 * than the length tells where there is one.
 * @param characters of the text, line ends not counted; that these stand where they should is known
 * @returns undefined where a character is none of base64, or the last group is not full
 */
function decodeStrictly(text: string, characters: number): Buffer | undefined {
  if (characters <= 0 || characters % 4 !== 0 || text.includes("-") || text.includes("_")) return undefined;
  const last = text.trimEnd();
  const padding = last.endsWith("==") ? 2 : last.endsWith("=") ? 1 : 0;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === (characters / 4) * 3 - padding ? bytes : undefined;
}

/** As decodeCertificate, for every form: what is usual takes this way too, only slower. */
export function decodeAny(field: string): Decoded {
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
