import { z } from "zod";

/*
 * What the service takes, as its published specification has it ("IoT Hub Gateway Service APIs", version
 * 2021-04-12: BulkRegistry_UpdateRegistry, Devices_GetIdentity, Devices_CreateOrUpdateIdentity,
 * Devices_GetTwin, Devices_UpdateTwin). Strict: a member that is not in it is a fault of ours.
 */

export const API_VERSION = "2021-04-12";

const thumbprintSchema = z
  .string()
  .regex(/^(?:[0-9A-F]{40}|[0-9A-F]{64})$/)
  .nullable();

const authenticationSchema = z.strictObject({
  symmetricKey: z
    .strictObject({ primaryKey: z.string().nullable(), secondaryKey: z.string().nullable() })
    .nullish(),
  x509Thumbprint: z
    .strictObject({ primaryThumbprint: thumbprintSchema, secondaryThumbprint: thumbprintSchema })
    .nullish(),
  type: z.enum(["sas", "selfSigned", "certificateAuthority", "none"]).optional(),
});

const statusSchema = z.enum(["enabled", "disabled"]);
const capabilitiesSchema = z.strictObject({ iotEdge: z.boolean() });

/** `ExportImportDevice` */
export const exportImportDeviceSchema = z.strictObject({
  id: z.string(),
  moduleId: z.string().optional(),
  eTag: z.string().optional(),
  importMode: z.enum([
    "create",
    "update",
    "updateIfMatchETag",
    "delete",
    "deleteIfMatchETag",
    "updateTwin",
    "updateTwinIfMatchETag",
  ]),
  status: statusSchema.optional(),
  statusReason: z.string().max(128).optional(),
  authentication: authenticationSchema.optional(),
  twinETag: z.string().optional(),
  tags: z.record(z.string(), z.unknown()).optional(),
  properties: z.strictObject({ desired: z.unknown(), reported: z.unknown() }).optional(),
  capabilities: capabilitiesSchema.optional(),
  deviceScope: z.string().optional(),
  parentScopes: z.array(z.string()).optional(),
});

export type ExportImportDevice = z.infer<typeof exportImportDeviceSchema>;

export const bulkSchema = z.array(exportImportDeviceSchema).min(1).max(100);

/** `Device` */
export const deviceSchema = z.strictObject({
  deviceId: z.string(),
  generationId: z.string().optional(),
  etag: z.string().optional(),
  connectionState: z.enum(["Disconnected", "Connected"]).optional(),
  status: statusSchema,
  statusReason: z.string().max(128).nullish(),
  connectionStateUpdatedTime: z.string().optional(),
  statusUpdatedTime: z.string().optional(),
  lastActivityTime: z.string().optional(),
  cloudToDeviceMessageCount: z.int().optional(),
  authentication: authenticationSchema,
  capabilities: capabilitiesSchema.optional(),
  deviceScope: z.string().optional(),
  parentScopes: z.array(z.string()).optional(),
});

export type HubDevice = z.infer<typeof deviceSchema>;

/** The part of `Twin` that a patch may have. */
export const twinPatchSchema = z.strictObject({
  tags: z.record(z.string(), z.unknown()).optional(),
  properties: z.strictObject({ desired: z.record(z.string(), z.unknown()) }).optional(),
});

/** What the service takes as a device's name. */
export const DEVICE_ID = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/;
