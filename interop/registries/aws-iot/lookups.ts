import type { IotApi } from "./api.ts";
import type { Clock } from "./clock.ts";
import { unless } from "./failures.ts";

/** Something that is asked once and believed for a while; what fails is asked again next time. */
export interface Lookup<T> {
  get(signal: AbortSignal): Promise<T>;
  forget(): void;
}

function remember<T>(
  clock: Clock,
  ask: (signal: AbortSignal) => Promise<T>,
  forMs: (value: T) => number,
): Lookup<T> {
  let known: { value: T; until: number } | undefined;
  return {
    async get(signal) {
      if (known === undefined || clock.now() >= known.until) {
        const value = await ask(signal);
        known = { value, until: clock.now() + forMs(value) };
      }
      return known.value;
    },
    forget() {
      known = undefined;
    },
  };
}

const MINUTE_MS = 60_000;

/**
 * Whether the policy is there. Asked once for many devices: GetPolicy has the narrowest quota. One that is
 * missing is looked for again soon, since somebody is likely to make it; a call that fails is no answer, least
 * of all "there is none": that would let devices in which may do nothing.
 */
export function policyLookup(api: IotApi, policyName: string, clock: Clock): Lookup<boolean> {
  return remember(
    clock,
    async (signal) =>
      (await unless("ResourceNotFoundException", api.getPolicy(policyName, signal))) !== undefined,
    (found) => (found ? 5 * MINUTE_MS : MINUTE_MS / 2),
  );
}

/** Where devices connect to. An account's address does not change. */
export function endpointLookup(api: IotApi, clock: Clock): Lookup<string | null> {
  return remember(
    clock,
    (signal) => api.dataEndpoint(signal),
    () => 60 * MINUTE_MS,
  );
}
