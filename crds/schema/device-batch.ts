import { z } from "zod";
import {
  CLOUD_API_NAME_MAX,
  batchId,
  certificateSlot,
  conditions,
  count,
  objectName,
  observedGeneration,
  sha256,
  text,
  time,
} from "./fields.ts";
import { type CelRule, unchanged } from "./rules.ts";

export const deviceBatchSpec = z
  .object({
    batchId: batchId(
      "The Product Batch ID of the reel to bind, as printed on it; upper and lower case are the same. Cannot be changed.",
      "it says which reel this batch binds. Create another DeviceBatch for another reel",
    ),
    provisioning: z.enum(["Automatic", "Manual"]).default("Automatic").meta({
      description:
        "Automatic: when cloudApis is empty, the devices go to the account's default CloudApi. Manual: when cloudApis is empty, the reel is bound only, for instance because its manifest is imported by hand.",
    }),
    cloudApis: z
      .array(
        z
          .object({
            name: objectName("The CloudApi's name, in this namespace.", { max: CLOUD_API_NAME_MAX }),
          })
          .meta({ description: "One CloudApi." }),
      )
      .max(16)
      .meta({
        description:
          "The product clouds that the devices are provisioned into. Adding one provisions into it too; removing one follows deletionPolicy.",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
      })
      .exactOptional(),
    certificateSlot: certificateSlot(
      "Which certificate the devices present, for devices with several (OPTIGA Trust M: E0E0, E0E1, E0E2). Cannot be changed once the reel is bound.",
    ).exactOptional(),
    deletionPolicy: z.enum(["Retain", "Deprovision"]).default("Retain").meta({
      description:
        "What happens to the devices in a cloud when that cloud is removed from this batch, or the batch is deleted. Retain: they stay. Deprovision: they are taken out, where the cloud can do that; otherwise the deletion waits and says why, until the policy changes.",
    }),
    suspend: z
      .boolean()
      .meta({ description: "While true, nothing is sent for this batch. What was bound stays bound." })
      .exactOptional(),
  })
  .meta({ description: "Which reel to bind, and into which product clouds its devices go." });

const MAX_STATUS_CLOUDS = 64;

/** Devices that differ, of which a cloud's line names so many. */
export const DIFFERENCES_SHOWN = 10;

const activity = z
  .object({
    toldAt: time("When the cloud had told of all devices that it was asked about."),
    asked: count("How many devices it was asked about: those that it has taken, or an even part of them."),
    active: count("How many of these it knows and lets in. That is not to say that they have connected."),
    differing: count(
      "How many of these are not as they were left there: missing, not let in, without their policy, or the like.",
    ),
    differences: z
      .array(
        z
          .object({
            device: text({ description: "The device's ID.", min: 1, max: 256 }),
            what: text({
              description:
                "How it differs. Missing: the cloud does not know its certificate. Inactive: it does not let it in. NotAttached: certificate and device are not tied to each other. PolicyMissing: the policy is not attached. ExistsWithAnotherCertificate: another certificate has the device's name. Several are joined by commas.",
              max: 128,
            }),
          })
          .meta({ description: "One device that differs." }),
      )
      .max(DIFFERENCES_SHOWN)
      .meta({
        description: "The first of those that differ: ten, or fewer where a batch has many clouds.",
        "x-kubernetes-list-type": "atomic",
      })
      .exactOptional(),
    rounds: count("How often the cloud was asked; each time about other devices, where not about all."),
    request: text({
      description: "The last value of the annotation certferry.dev/check-requested-at that was handled.",
      max: 256,
    }).exactOptional(),
  })
  .meta({
    description:
      "How the devices stand in this cloud, as it told when it was last asked: soon after it had every device, now and then (--check-every of the operator), and when somebody asks for it. Missing where the cloud does not tell (CloudApi status.capabilities without status), and before it was asked.",
  });

const cloud = z
  .object({
    name: text({ description: "The CloudApi's name.", min: 1, max: CLOUD_API_NAME_MAX }),
    state: z
      .enum(["Pending", "Provisioning", "Provisioned", "Failed", "Blocked", "Suspended", "Deprovisioning"])
      .meta({
        description:
          "Pending: nothing was sent yet. Provisioning: under way. Provisioned: the cloud has every device. Failed: every device was tried and the cloud refused some. Blocked: the cloud cannot be called now; message says why and when the next try is. Suspended: by the batch or the CloudApi. Deprovisioning: devices are being taken out.",
      }),
    provisioned: count("How many devices this cloud has taken.").exactOptional(),
    failed: count("How many devices this cloud has refused.").exactOptional(),
    pending: count("How many devices are still to be sent, or had no answer.").exactOptional(),
    devicesPerSecond: z.number().min(0).meta({ description: "The pace at present." }).exactOptional(),
    estimatedCompletion: time("When this cloud has every device, at the present pace.").exactOptional(),
    limitedBy: text({
      description:
        "What sets the pace at present. CloudThrottling: the cloud refuses more. Limits: spec.limits of the CloudApi. Turn: other batches go to this cloud too, and read their manifests first. Unreachable: the cloud does not answer, and is tried now and then; message says when next. Missing: the cloud's own speed.",
      min: 1,
      max: 64,
    }).exactOptional(),
    deviceEndpoint: text({
      description: "The host that the devices connect to, from the cloud's answer.",
      max: 512,
    }).exactOptional(),
    startedAt: time("When the first device was sent to this cloud.").exactOptional(),
    provisionedAt: time("When this cloud had every device.").exactOptional(),
    activity: activity.exactOptional(),
    message: text({
      description: "What holds this cloud up and what to do, for people.",
      max: 1024,
    }).exactOptional(),
  })
  .meta({ description: "How far one cloud is." });

const failure = z
  .object({
    device: text({ description: "The device's ID.", min: 1, max: 256 }),
    cloud: text({ description: "The CloudApi's name.", min: 1, max: CLOUD_API_NAME_MAX }),
    reason: text({ description: "Why, as one word, e.g. SerialCollision.", min: 1, max: 64 }),
    message: text({ description: "Why, for people.", max: 512 }),
  })
  .meta({ description: "One device that a cloud has refused." });

export const deviceBatchStatus = z
  .object({
    observedGeneration: observedGeneration().exactOptional(),
    boundDevices: count("How many devices of the reel can be provisioned.").exactOptional(),
    provisionedDevices: count("How many of them are in every declared cloud.").exactOptional(),
    failedDevices: count("How many of them at least one cloud has refused.").exactOptional(),
    boundAt: time("When the reel was bound to this account.").exactOptional(),
    provisionedAt: time("When every device was in every declared cloud.").exactOptional(),
    manifestSha256: sha256("The SHA-256 of the manifest that was bound.").exactOptional(),
    // A printer column shows one value: of the list in clouds it would show the first name only.
    cloudNames: text({
      description: "The names of all clouds in one line, for kubectl get.",
      max: MAX_STATUS_CLOUDS * (CLOUD_API_NAME_MAX + 2),
    }).exactOptional(),
    clouds: z
      .array(cloud)
      .max(MAX_STATUS_CLOUDS)
      .meta({
        description: "How far each cloud is.",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
      })
      .exactOptional(),
    failures: z
      .array(failure)
      .max(10)
      .meta({ description: "The first ten failures of all clouds.", "x-kubernetes-list-type": "atomic" })
      .exactOptional(),
    conditions: conditions(
      "Bound (the reel is this account’s), Provisioned (every device is in every declared cloud), Active (the clouds that tell know every device that they were asked about, and let it in; missing where none tells), Ready (all that was asked for is done), Reconciling (work is under way) and Stalled (it needs a person).",
    ).exactOptional(),
  })
  .meta({ description: "How far the operator is. Written by the operator only." });

export const deviceBatchRules: readonly CelRule[] = [
  {
    rule: `!has(oldSelf.status) || !has(oldSelf.status.boundAt) || (${unchanged("certificateSlot", "oldSelf.spec", "self.spec")})`,
    message:
      "certificateSlot cannot be changed once the reel is bound, because the clouds know the devices by the certificate of that slot: put the earlier value back",
    fieldPath: ".spec.certificateSlot",
  },
];

/** As the API server gives it: defaults are filled in. */
export type DeviceBatchSpec = z.infer<typeof deviceBatchSpec>;
/** As a person writes it: what has a default may be left out. */
export type DeviceBatchSpecInput = z.input<typeof deviceBatchSpec>;
export type DeviceBatchStatus = z.infer<typeof deviceBatchStatus>;
