import type { ProvisionEntry } from "../protocol/answers.ts";
import { COLLISION_MESSAGES, DEFAULT_TOPIC } from "../protocol/messages.ts";
import type { CheckedCertificate, Flavor, Registry } from "./port.ts";

export interface MemoryRegistryOptions {
  flavor: Flavor;
  /** Where devices would connect to. */
  endpoint?: string | null;
  topic?: string;
  /** AWS: the policy that is attached to each certificate; without one, `policyApplied` is false. */
  policy?: string;
  /** AWS: what a thing's name begins with. */
  thingPrefix?: string;
  /**
   * A serial number that comes with another certificate: `refuse` says so; `as-v1` reports success as the
   * stacks in the field do (AWS attaches both to one thing, Azure keeps the first alone).
   */
  collisions?: "refuse" | "as-v1";
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/** A thing (AWS) or device (Azure) as the registry holds it. */
export interface RegisteredDevice {
  name: string;
  serial: string;
  /** Certificates it may connect with, by SHA-256 thumbprint; more than one only with `as-v1` on AWS. */
  thumbprints: string[];
  policy?: string;
  /** How often it was pushed with success. */
  pushes: number;
  firstPushedAt: Date;
  lastPushedAt: Date;
}

/** Lives as long as the process: for the demo, for tests, and as the model of what the others must do. */
export interface MemoryRegistry extends Registry {
  /** In the order in which they came. */
  list(): RegisteredDevice[];
  counts(): { devices: number; certificates: number; pushes: number; refused: number };
  /** How often the device with this serial number (upper-case hex) was pushed with success. */
  pushes(serial: string): number;
}

export function createMemoryRegistry(options: MemoryRegistryOptions): MemoryRegistry {
  const { flavor, topic = DEFAULT_TOPIC, endpoint = null } = options;
  const prefix = flavor === "aws" ? (options.thingPrefix ?? "Infineon_") : "";
  const policy = flavor === "aws" ? options.policy : undefined;
  const now = options.now ?? Date.now;
  const devices = new Map<string, RegisteredDevice>();
  let refused = 0;

  function provisionOne(certificate: CheckedCertificate): ProvisionEntry {
    const { ref, serial, thumbprint } = certificate;
    const name = prefix + serial;
    const at = new Date(now());
    const device = devices.get(name);
    if (device === undefined) {
      devices.set(name, {
        name,
        serial,
        thumbprints: [thumbprint],
        ...(policy === undefined ? {} : { policy }),
        pushes: 1,
        firstPushedAt: at,
        lastPushedAt: at,
      });
    } else {
      if (!device.thumbprints.includes(thumbprint)) {
        if (options.collisions !== "as-v1") {
          refused += 1;
          return { ref, status: "ERROR", message: COLLISION_MESSAGES[flavor] };
        }
        if (flavor === "aws") device.thumbprints.push(thumbprint);
      }
      device.pushes += 1;
      device.lastPushedAt = at;
    }
    return { ref, status: "SUCCESS", endpoint, topic, policyApplied: policy !== undefined };
  }

  return {
    flavor,
    provision(certificates, signal) {
      signal.throwIfAborted();
      return Promise.resolve(certificates.map(provisionOne));
    },
    endpoint: () => Promise.resolve(endpoint),
    list: () => structuredClone([...devices.values()]),
    counts() {
      const all = [...devices.values()];
      return {
        devices: all.length,
        certificates: all.reduce((sum, { thumbprints }) => sum + thumbprints.length, 0),
        pushes: all.reduce((sum, { pushes }) => sum + pushes, 0),
        refused,
      };
    },
    pushes: (serial) => devices.get(prefix + serial)?.pushes ?? 0,
  };
}
