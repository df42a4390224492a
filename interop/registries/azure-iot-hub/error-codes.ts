import type { EntryCode } from "../../protocol/refusals.ts";

/**
 * What an error of the hub means for one device.
 * - `Exists`: the device is there already. `Absent`: it is not.
 * - `Changed`: somebody else wrote it since it was read; read it again.
 * - `Transient`: the hub's own trouble, which may pass within the call.
 * - `Failed`: anything else that is not the device's fault; the caller may try later.
 */
export type Meaning =
  | "Exists"
  | "Absent"
  | "Changed"
  | "Transient"
  | "Failed"
  | Extract<EntryCode, "Throttled" | "QuotaExceeded" | "NotPermitted" | "NameUnusable">;

export interface HubErrorCode {
  readonly code: number;
  readonly name: string;
  readonly meaning: Meaning;
}

/**
 * The hub's error codes as documented ("Troubleshoot Azure IoT Hub error codes", learn.microsoft.com, January
 * 2026), less the families that no call of the identity registry or of twins can cause: routing, digital
 * twins and models, configurations, modules, file upload. `meaningOf` reads those by their class.
 */
const CODES: readonly (readonly [number, string, Meaning])[] = [
  [400000, "GenericBadRequest", "Failed"],
  [400001, "InvalidProtocolVersion", "Failed"],
  [400002, "DeviceInvalidResultCount", "Failed"],
  [400003, "InvalidOperation", "Failed"],
  // Of what is sent for a device only its name can be wrong: the rest is the same for all.
  [400004, "ArgumentInvalid", "NameUnusable"],
  [400005, "ArgumentNull", "Failed"],
  [400006, "IotHubFormatError", "Failed"],
  [400007, "DeviceStorageEntitySerializationError", "Failed"],
  [400010, "InvalidSchemaVersion", "Failed"],
  [400011, "DeviceDefinedMultipleTimes", "Failed"],
  [400012, "DeserializationError", "Failed"],
  [400013, "BulkRegistryOperationFailure", "Failed"],
  [400021, "RequestCanceled", "Transient"],
  [400023, "EtagDoesNotMatch", "Changed"],
  [400024, "RequestTimedOut", "Transient"],
  [400025, "UnsupportedOperationOnReplica", "Transient"],
  [400026, "NullMessage", "Failed"],
  [400028, "InvalidDeviceScope", "Failed"],
  // During upgrades of the platform.
  [400029, "ConnectionForcefullyClosedOnFaultInjection", "Transient"],
  [400030, "ConnectionRejectedOnFaultInjection", "Transient"],
  [400032, "ManagedIdentityNotEnabled", "NotPermitted"],
  [400035, "InvalidPolicyKey", "NotPermitted"],
  [401000, "GenericUnauthorized", "NotPermitted"],
  [401001, "IotHubNotFound", "Failed"],
  [401002, "IotHubUnauthorizedAccess", "NotPermitted"],
  [401003, "IotHubUnauthorized", "NotPermitted"],
  [401004, "ElasticPoolNotFound", "Failed"],
  [401100, "SystemModuleModifyUnauthorizedAccess", "NotPermitted"],
  [403000, "GenericForbidden", "NotPermitted"],
  [403001, "IotHubSuspended", "Failed"],
  [403002, "IotHubQuotaExceeded", "QuotaExceeded"],
  [403003, "JobQuotaExceeded", "QuotaExceeded"],
  [403004, "DeviceMaximumQueueDepthExceeded", "QuotaExceeded"],
  [403005, "IotHubMaxCbsTokenExceeded", "QuotaExceeded"],
  [403007, "DeviceMaximumQueueSizeExceeded", "QuotaExceeded"],
  // A basic tier has no twins.
  [403010, "OperationNotAvailableInCurrentTier", "NotPermitted"],
  [403011, "KeyEncryptionKeyRevoked", "NotPermitted"],
  [403012, "DeviceDisabled", "Failed"],
  [404000, "GenericNotFound", "Failed"],
  [404001, "DeviceNotFound", "Absent"],
  [404002, "JobNotFound", "Failed"],
  [404008, "CertificateNotFound", "Failed"],
  [404009, "ElasticPoolTenantHubNotFound", "Failed"],
  [404011, "AzureTableStoreNotFound", "Transient"],
  [404012, "IotHubFailingOver", "Transient"],
  [404013, "FeatureNotSupported", "Failed"],
  [405000, "GenericMethodNotAllowed", "Failed"],
  [405102, "OperationNotAllowedInCurrentState", "Failed"],
  [405103, "ImportDevicesNotSupported", "Failed"],
  [405104, "BulkAddDevicesNotSupported", "Failed"],
  [409000, "GenericConflict", "Transient"],
  [409001, "DeviceAlreadyExists", "Exists"],
  [409002, "LinkCreationConflict", "Transient"],
  [409003, "CallbackSubscriptionConflict", "Transient"],
  [409102, "DeviceLocked", "Transient"],
  [412000, "GenericPreconditionFailed", "Changed"],
  [412001, "PreconditionFailed", "Changed"],
  [412002, "DeviceMessageLockLost", "Failed"],
  [412003, "JobRunPreconditionFailed", "Failed"],
  [412004, "InflightMessagesInLink", "Failed"],
  [413000, "GenericRequestEntityTooLarge", "Failed"],
  [413001, "MessageTooLarge", "Failed"],
  // A bulk never has more than it may; what is left of this code is a hub that holds all that it can.
  [413002, "TooManyDevices", "QuotaExceeded"],
  [415000, "GenericUnsupportedMediaType", "Failed"],
  [415101, "IncompatibleDataType", "Failed"],
  [429000, "GenericTooManyRequests", "Throttled"],
  [429001, "ThrottlingException", "Throttled"],
  [429002, "ThrottleBacklogLimitExceeded", "Throttled"],
  [429003, "ThrottlingBacklogTimeout", "Throttled"],
  [429004, "ThrottlingMaxActiveJobCountExceeded", "Throttled"],
  [429005, "DeviceThrottlingLimitExceeded", "Throttled"],
  [499000, "ClientClosedRequest", "Transient"],
  [500001, "ServerError", "Transient"],
  [500002, "JobCancelled", "Transient"],
  [500008, "GenericTimeout", "Transient"],
  [500009, "InvalidThrottleParameter", "Transient"],
  [500401, "UnableToFetchCredentials", "Transient"],
  [500402, "UnableToFetchTenantInfo", "Transient"],
  [500403, "UnableToShareIdentity", "Transient"],
  [502000, "GenericBadGateway", "Transient"],
  [503000, "GenericServiceUnavailable", "Transient"],
  [503001, "ServiceUnavailable", "Transient"],
  [503003, "PartitionNotFound", "Transient"],
  [503004, "IotHubActivationFailed", "Transient"],
  [503005, "ServerBusy", "Transient"],
  [503006, "IotHubRestoring", "Transient"],
  [503008, "ReceiveLinkOpensThrottled", "Throttled"],
  [503101, "ConnectionUnavailable", "Transient"],
  [503102, "DeviceUnavailable", "Transient"],
  [504000, "GenericGatewayTimeout", "Transient"],
  [504101, "GatewayTimeout", "Transient"],
];

export const HUB_ERROR_CODES: readonly HubErrorCode[] = CODES.map(([code, name, meaning]) => ({
  code,
  name,
  meaning,
}));

const BY_CODE = new Map(HUB_ERROR_CODES.map((error) => [error.code, error]));
const BY_NAME = new Map(HUB_ERROR_CODES.map((error) => [error.name, error]));

/**
 * Finds an error by its six digits, or by its name: the specification says name, the service sends digits in
 * a bulk's answer and a name in the header `iothub-errorcode`.
 */
export function hubError(codeOrName: number | string): HubErrorCode | undefined {
  if (typeof codeOrName === "number") return BY_CODE.get(codeOrName);
  return /^\d{6}$/.test(codeOrName) ? BY_CODE.get(Number(codeOrName)) : BY_NAME.get(codeOrName);
}

/** What an error means of which no more is known than its class: the HTTP status, or a code's first three digits. */
export function meaningOfStatus(status: number): Meaning {
  switch (status) {
    case 401:
    case 403:
      return "NotPermitted";
    case 408:
    case 409:
      return "Transient";
    case 412:
      return "Changed";
    case 429:
      return "Throttled";
    default:
      return status >= 500 ? "Transient" : "Failed";
  }
}

const ENTRY_CODES: Readonly<Record<Meaning, EntryCode>> = {
  Throttled: "Throttled",
  QuotaExceeded: "QuotaExceeded",
  NotPermitted: "NotPermitted",
  NameUnusable: "NameUnusable",
  Exists: "RegistrationFailed",
  Absent: "RegistrationFailed",
  Changed: "RegistrationFailed",
  Transient: "RegistrationFailed",
  Failed: "RegistrationFailed",
};

/** The code that a device's entry gets when this is where its matter ended. */
export function entryCode(meaning: Meaning): EntryCode {
  return ENTRY_CODES[meaning];
}
