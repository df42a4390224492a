import { z } from "zod";
import {
  CLOUD_API_NAME_MAX,
  certificateSlot,
  count,
  namespaceName,
  objectName,
  sha256,
  text,
  time,
} from "./fields.ts";
import { type CelRule, immutable, rules, unchanged } from "./rules.ts";

const RECORD = "a ledger is a record of one part of one reel in one cloud. It goes with its ReelBinding";

/** Most bytes that `data` holds before it is encoded; etcd keeps every version of a rewritten object for a while. */
export const LEDGER_CHUNK_BYTES = 32 * 1024;
const BASE64_MAX = Math.ceil(LEDGER_CHUNK_BYTES / 3) * 4;

export const provisioningLedgerSpec = z
  .object({
    reel: objectName("The name of the Reel, and of its ReelBinding.", {
      max: 63,
      rules: [immutable("The reel", RECORD)],
    }),
    account: namespaceName("The account, which is a namespace, that has the reel.", [
      immutable("The account", RECORD),
    ]),
    target: z
      .object({
        key: text({
          description:
            "Which product cloud, however many CloudApis lead to it, e.g. AWS/123456789012/eu-west-1.",
          min: 1,
          max: 512,
          rules: [immutable("The target", RECORD)],
        }),
        type: z.enum(["AWS", "Azure", "Other"]).meta({
          description:
            "How the cloud is reached. AWS: an API Gateway. Azure: a Function App. Other: any address.",
          ...rules(immutable("The target's type", RECORD)),
        }),
        cloudApi: objectName("The CloudApi that it was reached by the last time.", {
          max: CLOUD_API_NAME_MAX,
        }),
      })
      .meta({ description: "The product cloud." }),
    manifestSha256: sha256("The SHA-256 of the manifest whose entries are counted here.", [
      immutable("The digest", RECORD),
    ]),
    certificateSlot: certificateSlot(
      "Which certificate of the devices was provisioned, for devices with several.",
    ).exactOptional(),
    chunk: z
      .object({
        index: count("Which part this is; the first is 0."),
        first: count("The number of the part's first entry in the manifest; the manifest's first is 0."),
        devices: count("How many entries the part has.", { min: 1 }),
      })
      .meta({
        description: "Which part of the reel: a large reel has one ledger for each part.",
        ...rules(immutable("The part", RECORD)),
      }),
    request: text({
      description: "The last value of the annotation certferry.dev/provision-requested-at that was handled.",
      max: 256,
    }).exactOptional(),
    format: text({
      description: "The format of data, e.g. v1.",
      min: 2,
      max: 8,
      pattern: /^v[0-9]+$/,
      patternMessage: "must be a version of the format, e.g. v1",
    }),
    data: z.string().max(BASE64_MAX).meta({
      description:
        "For each entry of the part: pending, provisioned, failed (and why), or quarantined, packed, in base64. At most 32 KiB before encoding.",
      format: "byte",
    }),
    counts: z
      .object({
        provisioned: count("How many entries the cloud has taken."),
        failed: count("How many entries the cloud has refused."),
        pending: count("How many entries are still to be sent, or had no answer."),
        quarantined: count("How many entries are never sent because the reel refused them."),
        leaving: count(
          "How many entries were in the cloud and are to be taken out: whether they still are in it is not known.",
        ).exactOptional(),
        removed: count("How many entries were taken out of the cloud again.").exactOptional(),
      })
      .meta({ description: "What data comes to, for people to read." }),
    startedAt: time("When the first device of the part was sent.").exactOptional(),
    provisionedAt: time("When the cloud had every device of the part.").exactOptional(),
    deviceEndpoint: text({
      description: "The host that the devices connect to, from the cloud's answer.",
      max: 512,
    }).exactOptional(),
  })
  .meta({
    description: "Which devices of one part of one reel are in one product cloud.",
    ...rules({
      rule: unchanged("certificateSlot", "oldSelf", "self"),
      message: `The certificate slot cannot be changed: ${RECORD}`,
    }),
  });

export const provisioningLedgerRules: readonly CelRule[] = [];

export type ProvisioningLedgerSpec = z.infer<typeof provisioningLedgerSpec>;
