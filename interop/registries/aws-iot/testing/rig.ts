import type { Registry, RegistryCall } from "../../port.ts";
import { type AwsIotRegistryOptions, createAwsIotRegistry } from "../registry.ts";
import type { Fault } from "../faults.ts";
import { EagerClock } from "./clock.ts";
import { FakeIotCore } from "./iot-core.ts";

export const POLICY = "CertferryDevice";
export const ENDPOINT = "abc-ats.iot.eu-central-1.amazonaws.com";

export interface Rig {
  core: FakeIotCore;
  clock: EagerClock;
  registry: Required<Registry>;
  /** What the registry told of faults. */
  faults: Fault[];
  /** Another process on the same account. */
  another: () => Required<Registry>;
}

/** A registry on a fake AWS IoT that has the policy. */
export function createRig(options: Partial<AwsIotRegistryOptions> = {}): Rig {
  const core = new FakeIotCore();
  core.policies.set(POLICY, new Set());
  const clock = new EagerClock();
  const faults: Fault[] = [];
  const another = (): Required<Registry> =>
    createAwsIotRegistry({
      client: core.client,
      policy: POLICY,
      clock,
      onFaults: (list) => faults.push(...list),
      ...options,
    });
  return { core, clock, registry: another(), faults, another };
}

/** A request that nobody hurries. */
export function unhurried(batch?: string): RegistryCall {
  return { batch, signal: new AbortController().signal };
}
