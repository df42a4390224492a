/** The API group of every Certferry kind. */
export const GROUP = "certferry.dev";
export const VERSION = "v1alpha1";
export const API_VERSION = `${GROUP}/${VERSION}` as const;

/** Held on whatever must not go before the operator has seen to its end. */
export const FINALIZER = "certferry.dev/ferry";

/** Annotation of a DeviceBatch: a new value provisions every device again ("Provision now"). */
export const PROVISION_REQUESTED_AT = "certferry.dev/provision-requested-at";
/** Annotation of a DeviceBatch: a new value has its clouds asked how its devices stand ("Check now"). */
export const CHECK_REQUESTED_AT = "certferry.dev/check-requested-at";
/** Annotation of a DeviceBatch: who bound it. Shown to people, trusted by nobody. */
export const ADDED_BY = "certferry.dev/added-by";
/** Annotation of a DeviceBatch: from where it was bound (desktop, phone, CLI, Git). Shown to people, trusted by nobody. */
export const ADDED_FROM = "certferry.dev/added-from";
/**
 * Annotation of a DeviceBatch, written by the operator: "true" when the batch was there before its reel. Kept in
 * the object and not only in its status, so that a reel that several accounts waited for stays contested when
 * they are all created anew from a backup.
 */
export const WAITED_FOR_REEL = "certferry.dev/waited-for-reel";
/** Label of a namespace that is an account; its value is "true". */
export const ACCOUNT_LABEL = "certferry.dev/account";
/** Annotation of an account's namespace: a new value asks for a new signing key. */
export const KEY_ROTATION_REQUESTED_AT = "certferry.dev/key-rotation-requested-at";
/** Label of a ProvisioningLedger: the name of its reel. */
export const LEDGER_REEL_LABEL = "certferry.dev/reel";
/** Label of a ProvisioningLedger: a short hash of its target's key. */
export const LEDGER_TARGET_LABEL = "certferry.dev/target";

/** Where the API server serves each kind. */
export const kinds = {
  Reel: { group: GROUP, version: VERSION, plural: "reels", kind: "Reel", namespaced: false },
  CloudApi: { group: GROUP, version: VERSION, plural: "cloudapis", kind: "CloudApi", namespaced: true },
  DeviceBatch: {
    group: GROUP,
    version: VERSION,
    plural: "devicebatches",
    kind: "DeviceBatch",
    namespaced: true,
  },
  ReelBinding: {
    group: GROUP,
    version: VERSION,
    plural: "reelbindings",
    kind: "ReelBinding",
    namespaced: false,
  },
  ProvisioningLedger: {
    group: GROUP,
    version: VERSION,
    plural: "provisioningledgers",
    kind: "ProvisioningLedger",
    namespaced: false,
  },
} as const;

export type KindName = keyof typeof kinds;
