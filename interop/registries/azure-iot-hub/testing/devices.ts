import { randomInt } from "node:crypto";
import type { ExportImportDevice, HubDevice } from "./contract.ts";
import { DEVICE_ID } from "./contract.ts";

/** A device as the hub holds it. */
export interface HeldDevice {
  identity: HubDevice & { etag: string };
  twin: { etag: string; tags: Record<string, unknown> } | undefined;
}

/** The hub's devices, with what its operations do to them. Failures are the hub's six digits. */
export interface HubDevices {
  all(): HeldDevice[];
  get(name: string): HeldDevice | undefined;
  /** Puts a device there past the API, as a person at the portal does. */
  put(name: string, change?: Partial<HubDevice> & { tags?: Record<string, unknown>; twin?: false }): void;
  remove(name: string): boolean;
  clear(): void;
  apply(operation: ExportImportDevice): number | undefined;
  update(device: HubDevice, ifMatch: string): HeldDevice | number;
  tag(name: string, tags: Record<string, unknown>, ifMatch: string): HeldDevice | number;
}

export function createHubDevices(): HubDevices {
  const devices = new Map<string, HeldDevice>();
  let counter = randomInt(1_000_000);
  const nextEtag = (): string => Buffer.from(String((counter += 1))).toString("base64");

  function insert(identity: HubDevice, tags: Record<string, unknown>, twin = true): void {
    devices.set(identity.deviceId, {
      identity: {
        connectionState: "Disconnected",
        statusReason: null,
        cloudToDeviceMessageCount: 0,
        capabilities: { iotEdge: false },
        ...identity,
        generationId: String((counter += 1)),
        etag: nextEtag(),
      },
      twin: twin ? { etag: nextEtag(), tags: structuredClone(tags) } : undefined,
    });
  }

  return {
    all: () => structuredClone([...devices.values()]),
    get: (name) => structuredClone(devices.get(name)),
    put(name, change = {}) {
      const { tags, twin, ...identity } = change;
      const known = devices.get(name)?.identity;
      insert(
        {
          status: "enabled",
          authentication: { type: "sas" },
          ...known,
          ...identity,
          deviceId: name,
        },
        tags ?? devices.get(name)?.twin?.tags ?? {},
        twin ?? true,
      );
    },
    remove: (name) => devices.delete(name),
    clear: () => devices.clear(),
    apply(operation) {
      const { id, importMode } = operation;
      const held = devices.get(id);
      if (!DEVICE_ID.test(id)) return 400004;
      if (importMode === "create") {
        if (held !== undefined) return 409001;
        insert(
          {
            deviceId: id,
            status: operation.status ?? "enabled",
            authentication: operation.authentication ?? { type: "sas" },
          },
          operation.tags ?? {},
        );
        return undefined;
      }
      if (held === undefined) return 404001;
      if (importMode !== "deleteIfMatchETag") return 400003;
      if (operation.eTag !== held.identity.etag) return 412001;
      devices.delete(id);
      return undefined;
    },
    update(device, ifMatch) {
      const held = devices.get(device.deviceId);
      if (held === undefined) return 404001;
      if (held.identity.etag !== ifMatch) return 412001;
      // As the service does: what is not sent is reset.
      held.identity = { ...structuredClone(device), etag: nextEtag() };
      return structuredClone(held);
    },
    tag(name, tags, ifMatch) {
      const held = devices.get(name);
      if (held?.twin === undefined) return 404001;
      if (held.twin.etag !== ifMatch) return 412001;
      Object.assign(held.twin.tags, structuredClone(tags));
      held.twin.etag = nextEtag();
      return structuredClone(held);
    },
  };
}

/** A device's twin as the service shows it. */
export function twinView({ identity, twin }: HeldDevice): object {
  return {
    deviceId: identity.deviceId,
    etag: twin?.etag,
    deviceEtag: identity.etag,
    status: identity.status,
    connectionState: identity.connectionState,
    authenticationType: identity.authentication.type,
    x509Thumbprint: identity.authentication.x509Thumbprint ?? {
      primaryThumbprint: null,
      secondaryThumbprint: null,
    },
    version: 2,
    tags: twin?.tags,
    properties: { desired: { $version: 1 }, reported: { $version: 1 } },
  };
}
