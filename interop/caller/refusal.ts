import { COLLISION_MESSAGES, ENTRY_MESSAGES } from "../protocol/messages.ts";
import { type EntryCode, isEntryCode, REFUSALS } from "../protocol/refusals.ts";

/** Why a callee refused one certificate. */
export type RefusalCode = EntryCode | "Unknown";

export interface Refusal {
  outcome: "refused";
  /** A known v1 text, or the callee's own: printable, at most 200 characters. */
  message: string;
  code: RefusalCode;
  /** Sending the same certificate again may succeed. */
  retryable: boolean;
  /** A sign to slow down: a callee with codes says so, v1 answers so when its cloud throttled it. */
  hiddenThrottle: boolean;
}

/** What v1's texts mean, for callees that name no codes. */
const CODES = new Map<string, EntryCode>([
  [ENTRY_MESSAGES.certificateUndecodable, "CertificateUndecodable"],
  [ENTRY_MESSAGES.serialUnusable, "SerialUnusable"],
  [ENTRY_MESSAGES.validityOutOfRange, "ValidityOutOfRange"],
  [ENTRY_MESSAGES.expirationUndecodable, "ExpirationUndecodable"],
  [ENTRY_MESSAGES.thumbprintFailed, "ThumbprintFailed"],
  [ENTRY_MESSAGES.registrationFailed, "RegistrationFailed"],
  [COLLISION_MESSAGES.aws, "ExistsWithAnotherCertificate"],
  [COLLISION_MESSAGES.azure, "ExistsWithAnotherCertificate"],
]);

/** Refusals that say nothing of the device: whoever sends less, or later, gets it in. */
const PACED: ReadonlySet<EntryCode> = new Set(["Throttled", "OutOfTime"]);

const MAX_TEXT = 200;

/** Codes for which v1 has no text of their own: what they mean is told instead. */
const MEANINGS: Partial<Record<EntryCode, string>> = {
  Throttled: "the cloud's registry is throttled",
  OutOfTime: "the cloud ran out of time before this device's turn",
  NotPermitted: "the cloud's own role lacks a right that it takes to register devices; its log says which",
  QuotaExceeded: "the cloud has no room for more devices: its quota, or its tier's, is used up",
  NameUnusable: "the cloud's naming rule makes no name of this device that its registry takes",
};

/** What an ERROR entry says. */
export interface RefusalText {
  message: string;
  /** With capability `codes`; a code that nobody knows counts for its `retryable`. */
  code?: string | undefined;
  retryable?: boolean | undefined;
}

/**
 * Reads an ERROR entry: by its code where it has one that is known, else by its text. A text that nobody
 * knows is retried, unless the entry says not to: it may be a passing fault.
 */
export function readRefusal({ message, code, retryable }: RefusalText): Refusal {
  const told = code !== undefined && isEntryCode(code) ? code : undefined;
  if (told !== undefined) {
    return {
      outcome: "refused",
      message: MEANINGS[told] ?? foreignText(message),
      code: told,
      retryable: retryable ?? REFUSALS[told].retryable,
      hiddenThrottle: PACED.has(told),
    };
  }
  const read = code === undefined ? CODES.get(message) : undefined;
  return {
    outcome: "refused",
    message: read === undefined ? foreignText(message) : message,
    code: read ?? "Unknown",
    retryable: retryable ?? (read === undefined || REFUSALS[read].retryable),
    hiddenThrottle: read === "RegistrationFailed",
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
