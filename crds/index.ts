import type { API_VERSION } from "./kinds.ts";
import type { CloudApiSpec, CloudApiStatus } from "./schema/cloud-api.ts";
import type { DeviceBatchSpec, DeviceBatchSpecInput, DeviceBatchStatus } from "./schema/device-batch.ts";
import type { ManifestSource } from "./schema/manifest-source.ts";
import type { ProvisioningLedgerSpec } from "./schema/provisioning-ledger.ts";
import type { ReelBindingSpec } from "./schema/reel-binding.ts";
import type { ReelSpec, ReelStatus } from "./schema/reel.ts";

export * from "./kinds.ts";
export { BINDING_LISTS } from "./schema/reel-binding.ts";
export type {
  CloudApiSpec,
  CloudApiStatus,
  DeviceBatchSpec,
  DeviceBatchSpecInput,
  DeviceBatchStatus,
  ManifestSource,
  ProvisioningLedgerSpec,
  ReelBindingSpec,
  ReelSpec,
  ReelStatus,
};

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** What the API server keeps of every object; only what Certferry reads or writes of it. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

/** Metadata of an object in a namespace. */
export type NamespacedMeta = ObjectMeta & { namespace: string };

interface CertferryObject<Kind extends string, Meta extends ObjectMeta, Spec> {
  apiVersion: typeof API_VERSION;
  kind: Kind;
  metadata: Meta;
  spec: Spec;
}

export interface Reel extends CertferryObject<"Reel", ObjectMeta, ReelSpec> {
  status?: ReelStatus;
}
export interface CloudApi extends CertferryObject<"CloudApi", NamespacedMeta, CloudApiSpec> {
  status?: CloudApiStatus;
}
/** As the API server gives it. */
export interface DeviceBatch extends CertferryObject<"DeviceBatch", NamespacedMeta, DeviceBatchSpec> {
  status?: DeviceBatchStatus;
}
/** As a person writes it: what has a default may be left out. */
export interface DeviceBatchInput extends CertferryObject<
  "DeviceBatch",
  NamespacedMeta,
  DeviceBatchSpecInput
> {}
export type ReelBinding = CertferryObject<"ReelBinding", ObjectMeta, ReelBindingSpec>;
export type ProvisioningLedger = CertferryObject<"ProvisioningLedger", ObjectMeta, ProvisioningLedgerSpec>;

export type QuarantinedEntry = NonNullable<NonNullable<ReelStatus["quarantined"]>["first"]>[number];
export type CloudProgress = NonNullable<DeviceBatchStatus["clouds"]>[number];
/** How a batch's devices stand in one cloud, as it told. */
export type CloudActivity = NonNullable<CloudProgress["activity"]>;
export type CloudState = CloudProgress["state"];
export type DeviceFailure = NonNullable<DeviceBatchStatus["failures"]>[number];
export type LedgerCounts = ProvisioningLedgerSpec["counts"];
