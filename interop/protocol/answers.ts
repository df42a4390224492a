import { z } from "zod";
import type { RefusedEntry } from "./refusals.ts";

/** The answer to `{"action":"info"}`. Unknown members are ignored: a newer callee may say more. */
export const infoAnswerSchema = z.object({
  action: z.literal("info"),
  compatibilityVersion: z.int().min(1),
  capabilities: z.array(z.unknown()).optional().catch(undefined),
});

/** One entry of the answer to `provision`: v1's members, and for a refusal its code. */
export type ProvisionEntry =
  | { ref: string; status: "SUCCESS"; endpoint: string | null; topic: string; policyApplied: boolean }
  | RefusedEntry;

/** How a certificate in the registry differs from what `provision` would leave behind. */
export const DIFFERENCES = [
  /** The registry does not know the certificate. */
  "Missing",
  /** It knows the certificate, and does not let it in. */
  "Inactive",
  /** The device (thing) that it belongs to is not there, or the two are not tied to each other. */
  "NotAttached",
  /** The policy that it should have is not attached to it. */
  "PolicyMissing",
  /** The device's name is another certificate's. */
  "ExistsWithAnotherCertificate",
] as const;

export type Difference = (typeof DIFFERENCES)[number];

/** One entry of the answer to `status` with certificates (capability `status`). */
export type StatusEntry =
  | {
      ref: string;
      status: "SUCCESS";
      /** What the registry calls the device; null where the certificate makes no name. */
      name: string | null;
      present: boolean;
      active: boolean;
      attached: boolean;
      /** Where no policy is configured, nothing is missing: true then only if one is attached all the same. */
      policyApplied: boolean;
      /** Empty: nothing to mend. */
      differs: Difference[];
    }
  | RefusedEntry;

/** One entry of the answer to `deprovision` (capability `deprovision`). */
export type DeprovisionEntry =
  | {
      ref: string;
      status: "SUCCESS";
      /** False: there was nothing to take out. Either way the certificate is not in the registry now. */
      removed: boolean;
    }
  | RefusedEntry;

const optionalText = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);

const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

/** A SUCCESS entry as a caller reads it; a member with an odd type makes the entry unreadable. */
export const successEntrySchema = z.object({
  ref: z.string(),
  status: z.literal("SUCCESS"),
  endpoint: optionalText,
  topic: optionalText,
  policyApplied: flag,
});

/** A SUCCESS entry of `status`. What is missing is not there; differences that are not known are left out. */
export const statusEntrySchema = z.object({
  ref: z.string(),
  status: z.literal("SUCCESS"),
  name: optionalText,
  present: z.boolean(),
  active: flag,
  attached: flag,
  policyApplied: flag,
  differs: z
    .array(z.string())
    .transform((all) => DIFFERENCES.filter((difference) => all.includes(difference))),
});

/** A SUCCESS entry of `deprovision`. */
export const deprovisionEntrySchema = z.object({
  ref: z.string(),
  status: z.literal("SUCCESS"),
  removed: flag,
});

/** An ERROR entry as a caller reads it. It stays a failure even if its other members are of an odd type. */
export const errorEntrySchema = z.object({
  ref: z.string(),
  status: z.literal("ERROR"),
  message: z.string().catch(""),
  code: z.string().optional().catch(undefined),
  retryable: z.boolean().optional().catch(undefined),
});
