import { z } from "zod";
import {
  batchId,
  conditions,
  count,
  namespaceName,
  observedGeneration,
  sha256,
  text,
  time,
} from "./fields.ts";
import { manifestSource } from "./manifest-source.ts";
import { type CelRule, unchanged } from "./rules.ts";

export const reelSpec = z
  .object({
    batchId: batchId(
      "The Product Batch ID as printed on the reel, e.g. D001. The name of this object is the same in lower case. Cannot be changed.",
      "it says which reel this is. Create another Reel for another batch ID",
    ),
    manifest: manifestSource,
    reservedFor: z
      .object({ namespace: namespaceName("The account's namespace. It need not exist yet.") })
      .meta({
        description:
          "The only account that may bind this reel. Without it, any account may, and the first one has it. Never written by the operator.",
      })
      .exactOptional(),
  })
  .meta({ description: "What the vendor shipped: which reel, and where the list of its certificates is." });

const refusal = z
  .object({
    row: count(
      "Where the entry is. In CSV, the line on which it begins, the first line being 1; in JSON and in archives, its number, the first being 1.",
      { min: 1 },
    ),
    device: text({ description: "The entry's device ID, where it could be read.", max: 256 }).exactOptional(),
    reason: text({ description: "Why it was refused, as one word, e.g. Expired.", min: 1, max: 64 }),
    message: text({ description: "Why it was refused, for people.", max: 512 }),
  })
  .meta({ description: "One refused entry." });

export const reelStatus = z
  .object({
    observedGeneration: observedGeneration().exactOptional(),
    phase: z
      .enum(["Pending", "Available", "Bound"])
      .meta({
        description:
          "Pending: the manifest has not been read yet, or cannot be. Available: it was read, and the reel can be bound. Bound: an account has it.",
      })
      .exactOptional(),
    devices: count("How many devices of the manifest can be provisioned.").exactOptional(),
    quarantined: z
      .object({
        count: count("How many entries were refused."),
        first: z
          .array(refusal)
          .max(10)
          .meta({ description: "The first ten of them.", "x-kubernetes-list-type": "atomic" })
          .exactOptional(),
      })
      .meta({
        description:
          "Entries of the manifest that were refused (do not parse, expired, duplicates, of another batch). The others go on without them.",
      })
      .exactOptional(),
    manifestSha256: sha256("The SHA-256 of the manifest that was read.").exactOptional(),
    issuers: z
      .array(text({ description: "An issuer's distinguished name.", max: 1024 }))
      .max(10)
      .meta({
        description: "Who issued the reel's certificates (the first ten issuers).",
        "x-kubernetes-list-type": "atomic",
      })
      .exactOptional(),
    signatures: z
      .enum(["Verified", "NotVerified"])
      .meta({
        description:
          "Only for manifests whose entries are signed. Verified: each device that is counted was signed by one of spec.manifest.signers. NotVerified: no signers are given, and the signatures were not looked at.",
      })
      .exactOptional(),
    earliestExpiry: time("When the first of the certificates expires.").exactOptional(),
    conditions: conditions(
      "Ready (the manifest was read and the reel can be bound, or is), Reconciling (work is under way) and Stalled (it needs a person).",
    ).exactOptional(),
  })
  .meta({ description: "What the operator found. Written by the operator only." });

export const reelRules: readonly CelRule[] = [
  {
    rule: "self.metadata.name == self.spec.batchId.lowerAscii()",
    message:
      "metadata.name must be spec.batchId in lower case (batch IDs are compared without regard to case): rename this object, e.g. D001 is named d001",
  },
  ...(["signers", "format"] as const).map((field) => ({
    rule: `!has(oldSelf.status) || !has(oldSelf.status.phase) || oldSelf.status.phase != 'Bound' || (${unchanged(field, "oldSelf.spec.manifest", "self.spec.manifest")})`,
    message: `spec.manifest.${field} cannot be changed once the reel is bound, because which of its devices are taken would follow from it: put the earlier value back`,
    fieldPath: `.spec.manifest.${field}`,
  })),
];

export type ReelSpec = z.infer<typeof reelSpec>;
export type ReelStatus = z.infer<typeof reelStatus>;
