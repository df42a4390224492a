import { z } from "zod";
import {
  CLOUD_API_NAME_MAX,
  batchId,
  certificateSlot,
  count,
  namespaceName,
  objectName,
  sha256,
  text,
  time,
} from "./fields.ts";
import { type CelRule, immutable, rules, unchanged } from "./rules.ts";

const RECORD = "a binding is a record. To release the reel, delete its DeviceBatch and then this ReelBinding";

/** Most issuers, and kinds of keys, that a binding lists. */
export const BINDING_LISTS = 16;

export const reelBindingSpec = z
  .object({
    account: namespaceName("The account, which is a namespace, that has the reel.", [
      immutable("The account", RECORD),
    ]),
    batchId: batchId(
      "The reel's Product Batch ID; the name of this object is the same in lower case.",
      RECORD,
    ),
    batch: objectName(
      "The account's DeviceBatch that uses the reel. Absent while none does: the reel stays with the account, and its next batch for this reel takes it up.",
    ).exactOptional(),
    boundAt: time("When the reel was bound.", [immutable("The time", RECORD)]),
    evaluatedAt: time(
      "The instant for which the manifest's certificates were judged: later readings refuse the same entries, whatever has expired since.",
      [immutable("The instant", RECORD)],
    ),
    manifestSha256: sha256("The SHA-256 of the manifest that was bound: from then on its content is fixed.", [
      immutable("The digest", RECORD),
    ]),
    devices: count("How many devices of the manifest can be provisioned.", {
      rules: [immutable("The number of devices", RECORD)],
    }),
    records: count("How many entries the manifest has, refused ones counted too.", {
      rules: [immutable("The number of entries", RECORD)],
    }),
    issuers: z
      .array(text({ description: "An issuer's distinguished name; may be empty.", max: 1024 }))
      .max(BINDING_LISTS)
      .meta({
        description: `Who issued the certificates of these devices: all issuers. Absent when there are more than ${BINDING_LISTS}.`,
        "x-kubernetes-list-type": "atomic",
      })
      .exactOptional(),
    keyTypes: z
      .array(text({ description: "A kind of key, e.g. P-256 or RSA-2048.", min: 1, max: 32 }))
      .max(BINDING_LISTS)
      .meta({
        description: `Which kinds of keys these devices have: all of them. Absent when there are more than ${BINDING_LISTS}.`,
        "x-kubernetes-list-type": "atomic",
      })
      .exactOptional(),
    defaultCloudApi: objectName(
      "The CloudApi that was the default when a batch without declared clouds was bound. The choice stays when the default changes.",
      { max: CLOUD_API_NAME_MAX },
    ).exactOptional(),
    certificateSlot: certificateSlot(
      "Which certificate the devices present, for devices with several. Fixed while a batch uses the reel.",
    ).exactOptional(),
  })
  .meta({
    description: "Whose the reel is, since when, and with which content.",
    ...rules(
      {
        rule: "self.devices <= self.records",
        message:
          "devices counts accepted entries and records all of them, so devices cannot be the larger number",
        fieldPath: ".devices",
      },
      {
        rule: `!has(self.batch) || !has(oldSelf.batch) || self.batch != oldSelf.batch || (${unchanged("certificateSlot", "oldSelf", "self")})`,
        message:
          "certificateSlot cannot be changed while a batch uses the reel: delete the DeviceBatch first",
      },
      ...(["issuers", "keyTypes"] as const).map((field) => ({
        rule: unchanged(field, "oldSelf", "self"),
        message: `${field} cannot be changed: ${RECORD}`,
        fieldPath: `.${field}`,
      })),
    ),
  });

export const reelBindingRules: readonly CelRule[] = [
  {
    rule: "self.metadata.name == self.spec.batchId.lowerAscii()",
    message:
      "metadata.name must be spec.batchId in lower case, because the one object of that name is what binds the reel",
  },
];

export type ReelBindingSpec = z.infer<typeof reelBindingSpec>;
