import { COLLISION_MESSAGES, ENTRY_MESSAGES } from "../protocol/messages.ts";

/** Why a callee refused one certificate. */
export type RefusalCode =
  | "CertificateUndecodable"
  | "SerialUnusable"
  | "ValidityOutOfRange"
  | "ExpirationUndecodable"
  | "ThumbprintFailed"
  | "RegistrationFailed"
  | "ExistsWithAnotherCertificate"
  | "Unknown";

export interface Refusal {
  outcome: "refused";
  /** A known v1 text, or the callee's own: printable, at most 200 characters. */
  message: string;
  code: RefusalCode;
  /** Sending the same certificate again may succeed. */
  retryable: boolean;
  /** v1 answers so when its cloud throttled it: a sign to slow down. */
  hiddenThrottle: boolean;
}

const CODES = new Map<string, RefusalCode>([
  [ENTRY_MESSAGES.certificateUndecodable, "CertificateUndecodable"],
  [ENTRY_MESSAGES.serialUnusable, "SerialUnusable"],
  [ENTRY_MESSAGES.validityOutOfRange, "ValidityOutOfRange"],
  [ENTRY_MESSAGES.expirationUndecodable, "ExpirationUndecodable"],
  [ENTRY_MESSAGES.thumbprintFailed, "ThumbprintFailed"],
  [ENTRY_MESSAGES.registrationFailed, "RegistrationFailed"],
  [COLLISION_MESSAGES.aws, "ExistsWithAnotherCertificate"],
  [COLLISION_MESSAGES.azure, "ExistsWithAnotherCertificate"],
]);

const MAX_TEXT = 200;

/** Reads the message of an ERROR entry. A text that nobody knows is retried: it may be a passing fault. */
export function readRefusal(message: string): Refusal {
  const code = CODES.get(message) ?? "Unknown";
  const transient = code === "RegistrationFailed" || code === "Unknown";
  return {
    outcome: "refused",
    message: code === "Unknown" ? foreignText(message) : message,
    code,
    retryable: transient,
    hiddenThrottle: code === "RegistrationFailed",
  };
}

/** Text of a foreign callee on its way into a status: printable ASCII, one line, at most 200 characters. */
export function foreignText(text: string): string {
  const printable = text
    .slice(0, MAX_TEXT * 4)
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .replaceAll(/ {2,}/g, " ")
    .trim();
  if (printable === "") return "(no message)";
  return printable.length > MAX_TEXT ? `${printable.slice(0, MAX_TEXT - 3)}...` : printable;
}
