import type { DeprovisionEntry, Difference, ProvisionEntry, StatusEntry } from "../protocol/answers.ts";
import { COLLISION_MESSAGES, DEFAULT_TOPIC } from "../protocol/messages.ts";
import { refused } from "../protocol/refusals.ts";
import { deviceNames } from "./names.ts";
import type { CheckedCertificate, Flavor, Registry, RegistryCall } from "./port.ts";

export interface MemoryRegistryOptions {
  flavor: Flavor;
  /** Where devices would connect to. */
  endpoint?: string | null;
  topic?: string;
  /** AWS: the policy that is attached to each certificate; without one, `policyApplied` is false. */
  policy?: string;
  /** How devices are named; the field's `Infineon_<serial>` (AWS) or `<serial>` (Azure) unless told. */
  names?: string;
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
  /** Its batch, where the caller told it. */
  batch?: string;
  /** How often it was pushed with success. */
  pushes: number;
  firstPushedAt: Date;
  lastPushedAt: Date;
}

/** Lives as long as the process: for the demo, for tests, and as the model of what the others must do. */
export interface MemoryRegistry extends Registry {
  /** In the order in which they came. */
  list(): RegisteredDevice[];
  counts(): { devices: number; certificates: number; pushes: number; refused: number; removed: number };
  /** How often the device with this serial number (upper-case hex) was pushed with success. */
  pushes(serial: string): number;
  /** Loses a device, as a person at the cloud's console may. @returns whether it was there */
  lose(name: string): boolean;
}

const NAME = /^[A-Za-z0-9:_.-]{1,128}$/;

export function createMemoryRegistry(options: MemoryRegistryOptions): MemoryRegistry {
  const { flavor, topic = DEFAULT_TOPIC, endpoint = null } = options;
  const names = deviceNames(options.names ?? (flavor === "aws" ? "Infineon_<serial>" : "<serial>"), NAME);
  const policy = flavor === "aws" ? options.policy : undefined;
  const now = options.now ?? Date.now;
  const devices = new Map<string, RegisteredDevice>();
  let refusals = 0;
  let removed = 0;

  function provisionOne(certificate: CheckedCertificate, { batch }: RegistryCall): ProvisionEntry {
    const { ref, serial, thumbprint } = certificate;
    const name = names.name(certificate, batch);
    if (name === undefined) {
      refusals += 1;
      return refused(ref, "NameUnusable");
    }
    const at = new Date(now());
    const device = devices.get(name);
    if (device === undefined) {
      devices.set(name, {
        name,
        serial,
        thumbprints: [thumbprint],
        ...(policy === undefined ? {} : { policy }),
        ...(batch === undefined ? {} : { batch }),
        pushes: 1,
        firstPushedAt: at,
        lastPushedAt: at,
      });
    } else {
      if (!device.thumbprints.includes(thumbprint)) {
        if (options.collisions !== "as-v1") {
          refusals += 1;
          return refused(ref, "ExistsWithAnotherCertificate", COLLISION_MESSAGES[flavor]);
        }
        if (flavor === "aws") device.thumbprints.push(thumbprint);
      }
      device.pushes += 1;
      device.lastPushedAt = at;
    }
    return { ref, status: "SUCCESS", endpoint, topic, policyApplied: policy !== undefined };
  }

  function statusOf(certificate: CheckedCertificate, { batch }: RegistryCall): StatusEntry {
    const { ref, thumbprint } = certificate;
    const name = names.name(certificate, batch) ?? null;
    const device = name === null ? undefined : devices.get(name);
    const present = device?.thumbprints.includes(thumbprint) === true;
    const differs: Difference[] = present ? [] : ["Missing"];
    if (device !== undefined && !present) differs.push("ExistsWithAnotherCertificate");
    return {
      ref,
      status: "SUCCESS",
      name,
      present,
      active: present,
      attached: present,
      policyApplied: present && device.policy !== undefined,
      differs,
    };
  }

  function deprovisionOne(certificate: CheckedCertificate, { batch }: RegistryCall): DeprovisionEntry {
    const { ref, thumbprint } = certificate;
    const name = names.name(certificate, batch);
    const device = name === undefined ? undefined : devices.get(name);
    if (name === undefined || device?.thumbprints.includes(thumbprint) !== true) {
      return { ref, status: "SUCCESS", removed: false };
    }
    device.thumbprints = device.thumbprints.filter((each) => each !== thumbprint);
    if (device.thumbprints.length === 0) devices.delete(name);
    removed += 1;
    return { ref, status: "SUCCESS", removed: true };
  }

  /** Memory is quick: what is out of time before it begins is so for all. */
  function each<T>(
    certificates: readonly CheckedCertificate[],
    call: RegistryCall,
    one: (certificate: CheckedCertificate, call: RegistryCall) => T,
  ): Promise<(T | ReturnType<typeof refused>)[]> {
    return Promise.resolve(
      certificates.map((certificate) =>
        call.signal.aborted ? refused(certificate.ref, "OutOfTime") : one(certificate, call),
      ),
    );
  }

  return {
    flavor,
    distinctNames: names.distinct,
    provision: (certificates, call) => each(certificates, call, provisionOne),
    status: (certificates, call) => each(certificates, call, statusOf),
    deprovision: (certificates, call) => each(certificates, call, deprovisionOne),
    endpoint: () => Promise.resolve(endpoint),
    list: () => structuredClone([...devices.values()]),
    counts() {
      const all = [...devices.values()];
      return {
        devices: all.length,
        certificates: all.reduce((sum, { thumbprints }) => sum + thumbprints.length, 0),
        pushes: all.reduce((sum, { pushes }) => sum + pushes, 0),
        refused: refusals,
        removed,
      };
    },
    pushes: (serial) => [...devices.values()].find((device) => device.serial === serial)?.pushes ?? 0,
    lose: (name) => devices.delete(name),
  };
}
