import type { z } from "zod";
import type { KindName } from "./kinds.ts";
import { cloudApiRules, cloudApiSpec, cloudApiStatus } from "./schema/cloud-api.ts";
import { deviceBatchRules, deviceBatchSpec, deviceBatchStatus } from "./schema/device-batch.ts";
import { provisioningLedgerRules, provisioningLedgerSpec } from "./schema/provisioning-ledger.ts";
import { reelBindingRules, reelBindingSpec } from "./schema/reel-binding.ts";
import { reelRules, reelSpec, reelStatus } from "./schema/reel.ts";
import type { CelRule } from "./schema/rules.ts";

/** A column of `kubectl get`; priority 1 is shown with `-o wide` only. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date";
  readonly jsonPath: string;
  readonly description: string;
  readonly priority?: 1;
}

export interface Definition {
  readonly kind: KindName;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: z.ZodType;
  /** Without one, the kind has no status subresource. */
  readonly status?: z.ZodType;
  /** Rules on the whole object, where metadata.name can be seen. */
  readonly rules: readonly CelRule[];
  readonly columns: readonly PrinterColumn[];
}

const AGE: PrinterColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "Since when the object exists.",
};
const READINESS: readonly PrinterColumn[] = [
  {
    name: "Ready",
    type: "string",
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    description: "Whether all that was asked for is done.",
  },
  {
    name: "Status",
    type: "string",
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    description: "Why, in one word.",
  },
];
const MESSAGE: PrinterColumn = {
  name: "Message",
  type: "string",
  jsonPath: '.status.conditions[?(@.type=="Ready")].message',
  description: "Why, and what to do about it.",
  priority: 1,
};
const BATCH_ID: PrinterColumn = {
  name: "Batch",
  type: "string",
  jsonPath: ".spec.batchId",
  description: "The Product Batch ID as printed on the reel.",
};

export const definitions: readonly Definition[] = [
  {
    kind: "Reel",
    shortNames: ["reel"],
    description:
      "A reel of devices (a product batch) as the vendor shipped it, and where the list of their certificates is. It is named by its Product Batch ID in lower case. A DeviceBatch binds it to an account.",
    spec: reelSpec,
    status: reelStatus,
    rules: reelRules,
    columns: [
      BATCH_ID,
      {
        name: "Phase",
        type: "string",
        jsonPath: ".status.phase",
        description: "Pending, Available or Bound.",
      },
      {
        name: "Devices",
        type: "integer",
        jsonPath: ".status.devices",
        description: "How many devices can be provisioned.",
      },
      {
        name: "Quarantined",
        type: "integer",
        jsonPath: ".status.quarantined.count",
        description: "How many entries of the manifest were refused.",
      },
      ...READINESS,
      AGE,
      {
        name: "Reserved For",
        type: "string",
        jsonPath: ".spec.reservedFor.namespace",
        description: "The only account that may bind it.",
        priority: 1,
      },
      {
        name: "Earliest Expiry",
        type: "string",
        jsonPath: ".status.earliestExpiry",
        description: "When the first of its certificates expires.",
        priority: 1,
      },
      MESSAGE,
    ],
  },
  {
    kind: "CloudApi",
    shortNames: ["capi"],
    description:
      "The link to one product cloud (a Product Cloud API) of one account. DeviceBatches in the same namespace name it, or use it because it is the default.",
    spec: cloudApiSpec,
    status: cloudApiStatus,
    rules: cloudApiRules,
    columns: [
      {
        name: "Display Name",
        type: "string",
        jsonPath: ".spec.displayName",
        description: "The name that people see.",
      },
      { name: "Type", type: "string", jsonPath: ".spec.type", description: "AWS, Azure or Other." },
      {
        name: "Default",
        type: "boolean",
        jsonPath: ".spec.default",
        description: "Whether batches that name no cloud go here.",
      },
      {
        name: "Devices",
        type: "integer",
        jsonPath: ".status.devicesProvisioned",
        description: "How many devices are provisioned through it.",
      },
      ...READINESS,
      AGE,
      {
        name: "Endpoint",
        type: "string",
        jsonPath: ".status.endpoint",
        description: "The whole address that is posted to.",
        priority: 1,
      },
      {
        name: "Version",
        type: "integer",
        jsonPath: ".status.compatibilityVersion",
        description: "The version of the protocol that the cloud speaks.",
        priority: 1,
      },
      MESSAGE,
    ],
  },
  {
    kind: "DeviceBatch",
    shortNames: ["batch"],
    description:
      "Binds a reel to this account (the namespace) and provisions its devices into the product clouds that are declared here.",
    spec: deviceBatchSpec,
    status: deviceBatchStatus,
    rules: deviceBatchRules,
    columns: [
      BATCH_ID,
      {
        name: "Bound",
        type: "integer",
        jsonPath: ".status.boundDevices",
        description: "How many devices were bound.",
      },
      {
        name: "Provisioned",
        type: "integer",
        jsonPath: ".status.provisionedDevices",
        description: "How many of them are in every declared cloud.",
      },
      {
        name: "Failed",
        type: "integer",
        jsonPath: ".status.failedDevices",
        description: "How many of them a cloud has refused.",
      },
      {
        name: "Clouds",
        type: "string",
        jsonPath: ".status.cloudNames",
        description: "The CloudApis that the devices go to.",
      },
      ...READINESS,
      AGE,
      {
        name: "Bound At",
        type: "string",
        jsonPath: ".status.boundAt",
        description: "When the reel was bound.",
        priority: 1,
      },
      {
        name: "Provisioned At",
        type: "string",
        jsonPath: ".status.provisionedAt",
        description: "When every device was in every declared cloud.",
        priority: 1,
      },
      MESSAGE,
    ],
  },
  {
    kind: "ReelBinding",
    // kubectl takes "binding" alone for a core kind that cannot be listed; "deed" is free.
    shortNames: ["binding", "deed"],
    description:
      "The deed of a reel: which account has it, since when, and with which content. Written by the operator only. There is one of a name, so that a reel is bound once in a cluster. An administrator deletes it to release the reel, when no batch uses it any more.",
    spec: reelBindingSpec,
    rules: reelBindingRules,
    columns: [
      BATCH_ID,
      { name: "Account", type: "string", jsonPath: ".spec.account", description: "The account that has it." },
      {
        name: "Device Batch",
        type: "string",
        jsonPath: ".spec.batch",
        description: "The DeviceBatch that uses it.",
      },
      {
        name: "Devices",
        type: "integer",
        jsonPath: ".spec.devices",
        description: "How many devices can be provisioned.",
      },
      AGE,
      {
        name: "Bound At",
        type: "string",
        jsonPath: ".spec.boundAt",
        description: "When the reel was bound.",
        priority: 1,
      },
      {
        name: "Default Cloud",
        type: "string",
        jsonPath: ".spec.defaultCloudApi",
        description: "The default CloudApi that was chosen when it was bound.",
        priority: 1,
      },
    ],
  },
  {
    kind: "ProvisioningLedger",
    shortNames: ["ledger"],
    description:
      "Which devices of a reel are in a product cloud, part by part. Written by the operator only. It has no owner references, so that it lives through a restore; it goes when its ReelBinding goes.",
    spec: provisioningLedgerSpec,
    rules: provisioningLedgerRules,
    columns: [
      { name: "Reel", type: "string", jsonPath: ".spec.reel", description: "The name of the Reel." },
      {
        name: "Target",
        type: "string",
        jsonPath: ".spec.target.key",
        description: "Which product cloud.",
      },
      {
        name: "Chunk",
        type: "integer",
        jsonPath: ".spec.chunk.index",
        description: "Which part of the reel.",
      },
      {
        name: "Provisioned",
        type: "integer",
        jsonPath: ".spec.counts.provisioned",
        description: "How many entries the cloud has taken.",
      },
      {
        name: "Failed",
        type: "integer",
        jsonPath: ".spec.counts.failed",
        description: "How many entries the cloud has refused.",
      },
      {
        name: "Pending",
        type: "integer",
        jsonPath: ".spec.counts.pending",
        description: "How many entries are still to be sent.",
      },
      AGE,
      {
        name: "Account",
        type: "string",
        jsonPath: ".spec.account",
        description: "The account that has the reel.",
        priority: 1,
      },
      {
        name: "Cloud API",
        type: "string",
        jsonPath: ".spec.target.cloudApi",
        description: "The CloudApi that the cloud was reached by the last time.",
        priority: 1,
      },
    ],
  },
];
