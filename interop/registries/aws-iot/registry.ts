import { DEFAULT_TOPIC } from "../../protocol/messages.ts";
import { deviceNames } from "../names.ts";
import type { Registry, RegistryCall } from "../port.ts";
import { createApi, type IotClient } from "./api.ts";
import { type Clock, systemClock } from "./clock.ts";
import { deprovisionOne } from "./deprovision.ts";
import { eachCertificate, eachNamed, type EachOptions } from "./each.ts";
import { refusalEntry } from "./failures.ts";
import { type Fault, Faults } from "./faults.ts";
import { createBatchGroups } from "./groups.ts";
import { endpointLookup, policyLookup } from "./lookups.ts";
import { createPace } from "./pace.ts";
import { provisionOne, type Provisioning, type RequestFacts } from "./provision.ts";
import { concurrencyFor, DEFAULT_DEVICES_PER_SECOND } from "./quotas.ts";
import { statusOf } from "./status.ts";
import { createTurns } from "./turns.ts";

/** The name that firmware in the field expects its thing to have. */
export const FIELD_THING_NAME = "Infineon_<serial>";

/** What AWS takes as a thing's name. */
export const THING_NAME = /^[a-zA-Z0-9:_-]{1,128}$/;

export interface AwsIotRegistryOptions {
  /** `createIotClient` makes one. */
  client: IotClient;
  /** A template of things' names; `FIELD_THING_NAME` unless given. */
  thingName?: string;
  /** The IoT policy that each certificate gets. One that is not there is left out, as in v1, and looked for again. */
  policy?: string;
  /** What new things are. */
  thingType?: string;
  /** Things of a batch join the group of this and the batch's ID; no groups unless given. */
  thingGroupPrefix?: string;
  /** What answers name as the devices' topic. */
  topic?: string;
  /** How many devices are begun with in a second, whatever is done with them; AWS's default quotas unless given. */
  devicesPerSecond?: number;
  /** How many are under way at once. */
  concurrency?: number;
  clock?: Clock;
  /** Is told, once a request, what went wrong in it. */
  onFaults?: (faults: readonly Fault[]) => void;
}

/**
 * Keeps devices in AWS IoT Core: a thing, its certificate, and the policy attached to that.
 * @throws NameTemplateError
 */
export function createAwsIotRegistry(options: AwsIotRegistryOptions): Required<Registry> {
  const {
    clock = systemClock,
    devicesPerSecond = DEFAULT_DEVICES_PER_SECOND,
    policy,
    thingGroupPrefix,
  } = options;
  const api = createApi(options.client);
  const names = deviceNames(options.thingName ?? FIELD_THING_NAME, THING_NAME);
  const endpoint = endpointLookup(api, clock);
  const policies = policy === undefined ? undefined : policyLookup(api, policy, clock);
  const each: EachOptions = {
    name: names.name,
    pace: createPace(devicesPerSecond, clock),
    turns: createTurns(),
    concurrency: options.concurrency ?? concurrencyFor(devicesPerSecond),
  };
  const provisioning: Provisioning = {
    api,
    topic: options.topic ?? DEFAULT_TOPIC,
    thingType: options.thingType,
    groups: thingGroupPrefix === undefined ? undefined : createBatchGroups(api, thingGroupPrefix),
    policyGone: () => policies?.forget(),
  };

  async function watched<T>(work: (faults: Faults) => Promise<T>): Promise<T> {
    const faults = new Faults();
    try {
      return await work(faults);
    } finally {
      const list = faults.list();
      if (list.length > 0) options.onFaults?.(list);
    }
  }

  /** Null if AWS does not tell: a device is let in all the same. */
  async function endpointOrNull(faults: Faults, signal: AbortSignal): Promise<string | null> {
    try {
      return await endpoint.get(signal);
    } catch (error) {
      faults.note(error, signal);
      return null;
    }
  }

  async function factsFor(faults: Faults, signal: AbortSignal): Promise<RequestFacts> {
    const [address, exists] = await Promise.all([
      endpointOrNull(faults, signal),
      policies?.get(signal) ?? false,
    ]);
    return { endpoint: address, policy: exists ? policy : undefined };
  }

  /** Devices are out whether their group goes or not: the next request tries again. */
  async function clearGroup({ batch, signal }: RegistryCall, faults: Faults): Promise<void> {
    if (batch === undefined || signal.aborted) return;
    try {
      await provisioning.groups?.clear(batch, signal);
    } catch (error) {
      faults.note(error, signal);
    }
  }

  return {
    flavor: "aws",
    distinctNames: names.distinct,
    provision: (certificates, call) =>
      watched(async (faults) => {
        let facts: RequestFacts;
        try {
          facts = await factsFor(faults, call.signal);
        } catch (error) {
          faults.note(error, call.signal);
          return certificates.map(({ ref }) => refusalEntry(ref, error, call.signal));
        }
        return eachNamed(each, { ...call, certificates, faults }, (certificate, name) =>
          provisionOne(provisioning, name, certificate, facts, call),
        );
      }),
    status: (certificates, call) =>
      watched((faults) =>
        eachCertificate(each, { ...call, certificates, faults }, (certificate, name) =>
          statusOf(api, name, certificate, policy, call.signal),
        ),
      ),
    deprovision: (certificates, call) =>
      watched(async (faults) => {
        const entries = await eachCertificate(each, { ...call, certificates, faults }, (certificate, name) =>
          deprovisionOne({ api, clock }, name, certificate, call.signal),
        );
        await clearGroup(call, faults);
        return entries;
      }),
    endpoint: (signal) => watched((faults) => endpointOrNull(faults, signal)),
  };
}
