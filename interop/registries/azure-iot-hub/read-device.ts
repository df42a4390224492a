import type { HubAnswer, HubFailure } from "./failure.ts";
import { type Device, deviceOfIdentity, deviceOfTwin } from "./identity.ts";
import { mayPass } from "./patience.ts";
import { atTimeUp, type Ending, type Work } from "./work.ts";

/** A device as it stands; `absent`: there is none of the name. */
export type Reading = { device: Device } | { absent: true } | { ending: Ending };

/**
 * Makes one call again until it is answered, it fails for good, or the time is up.
 * @param signal the time
 */
export async function persist<T>(
  work: Work,
  signal: AbortSignal,
  call: () => Promise<HubAnswer<T>>,
): Promise<HubAnswer<T> | { ending: Ending }> {
  const patience = work.patience();
  let last: HubFailure | undefined;
  for (;;) {
    try {
      const answer = await call();
      if ("value" in answer || !mayPass(answer.failure)) return answer;
      last = answer.failure;
    } catch (error) {
      if (signal.aborted) return { ending: atTimeUp(last) };
      throw error;
    }
    if (!(await patience.again(last, signal))) {
      return { ending: signal.aborted ? atTimeUp(last) : last };
    }
  }
}

/**
 * Reads a device by its twin if twins are used (S1: 100 a second, where the registry allows 100 a minute),
 * else from the registry. Nothing is read by query: those answers are seconds old.
 */
export async function readDevice(work: Work, name: string, signal: AbortSignal): Promise<Reading> {
  if (work.twins) {
    const answer = await persist(work, signal, () => work.hub.twin(name, signal));
    if ("ending" in answer) return answer;
    if ("value" in answer) {
      const device = deviceOfTwin(answer.value);
      if (device !== undefined) return { device };
    } else if (answer.failure.meaning !== "Absent") {
      return { ending: answer.failure };
    }
    // No twin is not yet no device: the hub may register one and fail to make its twin.
  }
  return readIdentity(work, name, signal);
}

/** Reads a device from the registry itself. */
export async function readIdentity(work: Work, name: string, signal: AbortSignal): Promise<Reading> {
  const answer = await persist(work, signal, () => work.hub.identity(name, signal));
  if ("ending" in answer) return answer;
  if ("value" in answer) return { device: deviceOfIdentity(answer.value) };
  return answer.failure.meaning === "Absent" ? { absent: true } : { ending: answer.failure };
}
