import { ENTRY_MESSAGES } from "./messages.ts";

/** What is known of a refusal: the text that v1 has for it, and whether the same request may succeed later. */
interface RefusalKind {
  readonly message: string;
  readonly retryable: boolean;
}

/**
 * Why one certificate was refused: `code` of an ERROR entry, for callers that asked for codes. The texts are
 * v1's, so that a caller which knows no codes draws the same conclusion (slow down, try again, or give up).
 */
export const REFUSALS = {
  CertificateUndecodable: { message: ENTRY_MESSAGES.certificateUndecodable, retryable: false },
  SerialUnusable: { message: ENTRY_MESSAGES.serialUnusable, retryable: false },
  ValidityOutOfRange: { message: ENTRY_MESSAGES.validityOutOfRange, retryable: false },
  ExpirationUndecodable: { message: ENTRY_MESSAGES.expirationUndecodable, retryable: false },
  ThumbprintFailed: { message: ENTRY_MESSAGES.thumbprintFailed, retryable: false },
  /** The name is taken by another certificate; the text is the flavor's (`COLLISION_MESSAGES`). */
  ExistsWithAnotherCertificate: { message: "Exists with another certificate", retryable: false },
  /** The registry's naming rule and this certificate make no name that it takes. */
  NameUnusable: { message: ENTRY_MESSAGES.serialUnusable, retryable: false },
  /** The registry asked for fewer calls: send less, later. */
  Throttled: { message: ENTRY_MESSAGES.registrationFailed, retryable: true },
  /** The answer was due before this certificate's turn came: nothing is wrong with it. */
  OutOfTime: { message: ENTRY_MESSAGES.registrationFailed, retryable: true },
  /** The callee may not do what it has to: its role or its policy lacks a right. */
  NotPermitted: { message: ENTRY_MESSAGES.registrationFailed, retryable: true },
  /** The registry is full, as its tier or an account's limit has it. */
  QuotaExceeded: { message: ENTRY_MESSAGES.registrationFailed, retryable: true },
  /** Any other failure of the registry. */
  RegistrationFailed: { message: ENTRY_MESSAGES.registrationFailed, retryable: true },
} as const satisfies Record<string, RefusalKind>;

export type EntryCode = keyof typeof REFUSALS;

/** An ERROR entry as a registry makes it; the callee leaves `code` and `retryable` out where nobody asked for them. */
export interface RefusedEntry {
  ref: string;
  status: "ERROR";
  message: string;
  code: EntryCode;
  retryable: boolean;
}

/** @param message instead of the code's own text */
export function refused(ref: string, code: EntryCode, message?: string): RefusedEntry {
  const kind = REFUSALS[code];
  return { ref, status: "ERROR", message: message ?? kind.message, code, retryable: kind.retryable };
}

/** Whether a code (from an answer) is one that this version knows. */
export function isEntryCode(code: string): code is EntryCode {
  return Object.hasOwn(REFUSALS, code);
}
