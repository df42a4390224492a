import type { DeprovisionEntry } from "../../protocol/answers.ts";
import { refused } from "../../protocol/refusals.ts";
import type { CheckedCertificate, RegistryCall } from "../port.ts";
import { deleteOperation, MAX_BULK } from "./bulk.ts";
import type { HubFailure } from "./failure.ts";
import { authenticationBy, type Device } from "./identity.ts";
import { mayPass } from "./patience.ts";
import { persist, readDevice, readIdentity } from "./read-device.ts";
import { atTimeUp, type Ending, type Work } from "./work.ts";
import { sideBySide } from "./side-by-side.ts";
import { codeOf, inBulks, type Wanted } from "./wanted.ts";

/** Which certificates were taken out; of a device that is not theirs, or is not there, none. */
export type TakenOut = Map<Wanted, { removed: readonly string[] } | { ending: Ending }>;

/** A device that is to be deleted, as it was read. */
interface Doomed {
  readonly wanted: Wanted;
  readonly held: readonly string[];
  readonly etag: string;
}

/**
 * Takes certificates out. A device that lets in nobody else is deleted (one step: a device is cut off as it
 * is deleted, so it need not be disabled first); one that lets in another certificate as well keeps that one.
 * Every write is for the state that was read, so a device that changes hands in between is left alone.
 */
export async function takeOut(work: Work, wanted: readonly Wanted[], call: RegistryCall): Promise<TakenOut> {
  const out: TakenOut = new Map();
  await sideBySide(inBulks(wanted, MAX_BULK), work.parallelBulks, (bulk) =>
    takeBulkOut(work, bulk, call.signal, out),
  );
  return out;
}

async function takeBulkOut(
  work: Work,
  bulk: readonly Wanted[],
  signal: AbortSignal,
  out: TakenOut,
): Promise<void> {
  const patience = work.patience();
  let unread: readonly Wanted[] = bulk;
  let doomed: Doomed[] = [];
  let last: HubFailure | undefined;
  for (;;) {
    const found = await sideBySide(unread, work.parallel, (each) => look(work, each, signal, out));
    doomed = doomed.concat(found.filter((each) => each !== undefined));
    if (doomed.length === 0) return;
    const tried = await deleteAll(work, doomed, signal, out);
    if (tried === "aborted") return endAll(doomed, atTimeUp(last), out);
    ({ unread, doomed } = tried);
    last = tried.last ?? last;
    if (unread.length + doomed.length === 0) return;
    if (!(await patience.again(tried.last ?? CHANGED, signal))) {
      const ending = signal.aborted ? atTimeUp(last) : (tried.last ?? CHANGED);
      endAll(doomed, ending, out);
      for (const each of unread) out.set(each, { ending });
      return;
    }
  }
}

const CHANGED: HubFailure = { meaning: "Failed", reason: "somebody else keeps changing the device" };

function endAll(doomed: readonly Doomed[], ending: Ending, out: TakenOut): void {
  for (const { wanted } of doomed) out.set(wanted, { ending });
}

/** Reads a device. @returns it, if it is to be deleted; else its matter is settled */
async function look(
  work: Work,
  wanted: Wanted,
  signal: AbortSignal,
  out: TakenOut,
): Promise<Doomed | undefined> {
  for (let round = 0; round < 4; round += 1) {
    let reading = await readDevice(work, wanted.name, signal);
    if ("device" in reading && isShared(reading.device, wanted) && reading.device.identity === undefined) {
      reading = await readIdentity(work, wanted.name, signal);
    }
    if (!("device" in reading)) {
      out.set(wanted, "absent" in reading ? { removed: [] } : reading);
      return undefined;
    }
    const { device } = reading;
    const held = heldBy(device, wanted);
    if (held.length === 0) {
      out.set(wanted, { removed: [] });
      return undefined;
    }
    if (!isShared(device, wanted)) return { wanted, held, etag: device.etag };
    const ended = await keepOthers(work, device, wanted, signal);
    if (ended === "changed") continue;
    out.set(wanted, ended ?? { removed: held });
    return undefined;
  }
  out.set(wanted, { ending: CHANGED });
  return undefined;
}

function heldBy(device: Device, wanted: Wanted): string[] {
  return device.thumbprints.filter((each) => wanted.thumbprints.includes(each));
}

/** It lets in one of ours and somebody else. */
function isShared(device: Device, wanted: Wanted): boolean {
  const held = heldBy(device, wanted).length;
  return held > 0 && held < device.thumbprints.length;
}

async function keepOthers(
  work: Work,
  { identity, thumbprints }: Device,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<"changed" | { ending: Ending } | undefined> {
  const [first, ...others] = thumbprints.filter((each) => !wanted.thumbprints.includes(each));
  if (identity === undefined || first === undefined) return "changed";
  const rest = {
    ...identity,
    authentication: { ...identity.authentication, ...authenticationBy([first, ...others]) },
  };
  const answer = await persist(work, signal, () => work.hub.update(rest, signal));
  if ("ending" in answer) return answer;
  if ("value" in answer) return undefined;
  const { meaning } = answer.failure;
  return meaning === "Changed" || meaning === "Absent" ? "changed" : { ending: answer.failure };
}

/** @returns what has to be tried again: `doomed` as it is, `unread` from its reading on */
async function deleteAll(
  work: Work,
  doomed: readonly Doomed[],
  signal: AbortSignal,
  out: TakenOut,
): Promise<"aborted" | { unread: Wanted[]; doomed: Doomed[]; last: HubFailure | undefined }> {
  const operations = doomed.map(({ wanted, etag }) => deleteOperation(wanted.name, etag));
  const answer = await work.hub.bulk(operations, signal).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (answer === undefined) return "aborted";
  const again: Doomed[] = [];
  const unread: Wanted[] = [];
  let last: HubFailure | undefined;
  for (const each of doomed) {
    const fate = "failure" in answer ? answer.failure : (answer.value.get(each.wanted.name) ?? CHANGED);
    // Gone between its reading and now: most likely by an attempt of ours whose answer was lost.
    const gone = "value" in answer && typeof fate === "object" && fate.meaning === "Absent";
    if (typeof fate === "string" || gone) {
      out.set(each.wanted, { removed: each.held });
    } else if (mayPass(fate)) {
      again.push(each);
      last = fate;
    } else if (fate.meaning === "Changed") unread.push(each.wanted);
    else out.set(each.wanted, { ending: fate });
  }
  return { unread, doomed: again, last };
}

export function deprovisionEntry(
  { ref, thumbprint }: CheckedCertificate,
  wanted: Wanted | undefined,
  out: TakenOut,
): DeprovisionEntry {
  const end = wanted === undefined ? undefined : out.get(wanted);
  // What makes no name was never let in.
  if (end === undefined) return { ref, status: "SUCCESS", removed: false };
  if ("ending" in end) return refused(ref, codeOf(end.ending));
  return { ref, status: "SUCCESS", removed: end.removed.includes(thumbprint) };
}
