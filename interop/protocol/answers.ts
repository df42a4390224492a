import { z } from "zod";

/** The answer to `{"action":"info"}`. Unknown members are ignored: a newer callee may say more. */
export const infoAnswerSchema = z.object({
  action: z.literal("info"),
  compatibilityVersion: z.int().min(1),
  capabilities: z.array(z.unknown()).optional().catch(undefined),
});

/** One entry of the answer to `provision`, as v1 writes it. */
export type ProvisionEntry =
  | { ref: string; status: "SUCCESS"; endpoint: string | null; topic: string; policyApplied: boolean }
  | { ref: string; status: "ERROR"; message: string };

const optionalText = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);

/** A SUCCESS entry as a caller reads it; a member with an odd type makes the entry unreadable. */
export const successEntrySchema = z.object({
  ref: z.string(),
  status: z.literal("SUCCESS"),
  endpoint: optionalText,
  topic: optionalText,
  policyApplied: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
});

/** An ERROR entry as a caller reads it. It stays a failure even if its message is of an odd type. */
export const errorEntrySchema = z.object({
  ref: z.string(),
  status: z.literal("ERROR"),
  message: z.string().catch(""),
});
