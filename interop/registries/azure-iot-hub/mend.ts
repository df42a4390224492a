import type { HubAnswer, HubFailure } from "./failure.ts";
import { authenticationBy, batchInTags, type Device, tagsFor, type Twin } from "./identity.ts";
import { persist, readDevice, readIdentity } from "./read-device.ts";
import type { Ending, Work } from "./work.ts";
import type { Wanted } from "./wanted.ts";

/** How a device that exists stands to the certificates that want its name, once it is mended. */
export type Standing =
  /** It lets these certificates in; those that want it and are not among them do not get it. */
  | { held: readonly string[] }
  /** It is gone again. */
  | { absent: true }
  | { ending: Ending };

/** How often a device is looked at again because somebody else wrote it in between. */
const MAX_ROUNDS = 4;
const CONTENDED: HubFailure = { meaning: "Failed", reason: "somebody else keeps changing the device" };

/**
 * Looks at a device that exists already. If it is one of the certificates', what is missing is mended: a
 * disabled device is enabled, an empty place for a thumbprint filled, the batch written into the tags. Each
 * write is for the state that was read (`If-Match`); another certificate's device is not touched.
 */
export async function mend(
  work: Work,
  wanted: Wanted,
  batch: string | undefined,
  signal: AbortSignal,
): Promise<Standing> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const standing = await mendOnce(work, wanted, batch, signal);
    if (standing !== "changed") return standing;
  }
  return { ending: CONTENDED };
}

async function mendOnce(
  work: Work,
  { name, thumbprints }: Wanted,
  batch: string | undefined,
  signal: AbortSignal,
): Promise<Standing | "changed"> {
  const heldBy = (device: Device): string[] =>
    device.thumbprints.filter((each) => thumbprints.includes(each));

  let reading = await readDevice(work, name, signal);
  if (!("device" in reading)) return reading;
  const { twin } = reading.device;
  if (heldBy(reading.device).length > 0 && !isWhole(reading.device) && twin !== undefined) {
    // An update replaces the identity, so all of it is needed; a twin shows a part.
    reading = await readIdentity(work, name, signal);
    if (!("device" in reading)) return reading;
  }
  const { device } = reading;
  const held = heldBy(device);
  if (held.length === 0) return { held };

  if (!isWhole(device)) {
    const ended = ending(await mendIdentity(work, device, signal));
    if (ended !== undefined) return ended;
  }
  if (work.twins && batch !== undefined) {
    const ended = ending(await mendTags(work, name, twin, batch, signal));
    if (ended !== undefined) return ended;
  }
  return { held };
}

const isWhole = ({ enabled, filled }: Device): boolean => enabled && filled;

type Write = HubAnswer<unknown> | { ending: Ending };

/** @returns nothing when the write was done */
function ending(write: Write): { ending: Ending } | "changed" | undefined {
  if ("ending" in write) return write;
  if ("value" in write) return undefined;
  const { failure } = write;
  return failure.meaning === "Changed" || failure.meaning === "Absent" ? "changed" : { ending: failure };
}

function mendIdentity(work: Work, device: Device, signal: AbortSignal): Promise<Write> {
  const { identity } = device;
  const [first, ...others] = device.thumbprints;
  if (identity === undefined || first === undefined) return Promise.resolve({ value: undefined });
  const whole = {
    ...identity,
    status: "enabled",
    authentication: { ...identity.authentication, ...authenticationBy([first, ...others]) },
  };
  return persist(work, signal, () => work.hub.update(whole, signal));
}

async function mendTags(
  work: Work,
  name: string,
  seen: Twin | undefined,
  batch: string,
  signal: AbortSignal,
): Promise<Write> {
  const read =
    seen === undefined ? await persist(work, signal, () => work.hub.twin(name, signal)) : undefined;
  if (read !== undefined && !("value" in read)) return read;
  const twin = seen ?? read?.value;
  if (twin === undefined || batchInTags(twin.tags) === batch) return { value: undefined };
  return persist(work, signal, () => work.hub.tag(name, twin.etag, tagsFor(batch), signal));
}
