import type { ProvisionEntry } from "../../protocol/answers.ts";
import { COLLISION_MESSAGES } from "../../protocol/messages.ts";
import { refused } from "../../protocol/refusals.ts";
import type { CheckedCertificate, RegistryCall } from "../port.ts";
import { createOperation, MAX_BULK } from "./bulk.ts";
import type { HubFailure } from "./failure.ts";
import { mend, type Standing } from "./mend.ts";
import { mayPass } from "./patience.ts";
import { atTimeUp, type Ending, type Work } from "./work.ts";
import { sideBySide } from "./side-by-side.ts";
import { codeOf, inBulks, type Wanted } from "./wanted.ts";

/** Where each device's matter ended. */
export type Settled = Map<Wanted, { held: readonly string[] } | { ending: Ending }>;

/**
 * Lets devices in: created in bulks; what exists already is looked at one by one, and mended. Of two
 * certificates that want one name the first gets it, unless the hub has it for the other.
 */
export async function letIn(work: Work, wanted: readonly Wanted[], call: RegistryCall): Promise<Settled> {
  const settled: Settled = new Map();
  await sideBySide(inBulks(wanted, MAX_BULK), work.parallelBulks, (bulk) =>
    letBulkIn(work, bulk, call, settled),
  );
  return settled;
}

async function letBulkIn(
  work: Work,
  bulk: readonly Wanted[],
  call: RegistryCall,
  settled: Settled,
): Promise<void> {
  const patience = work.patience();
  let pending = bulk;
  let last: HubFailure | undefined;
  while (pending.length > 0) {
    const tried = await createAll(work, pending, call, settled);
    if (tried === "split") return;
    if (tried === "aborted") {
      for (const each of pending) settled.set(each, { ending: atTimeUp(last) });
      return;
    }
    pending = tried.pending;
    last = tried.last ?? last;
    if (pending.length === 0) return;
    const why = last ?? GONE;
    if (!(await patience.again(why, call.signal))) {
      for (const each of pending) {
        settled.set(each, { ending: call.signal.aborted ? atTimeUp(last) : why });
      }
      return;
    }
  }
}

/** A device that exists when it is created and not when it is read, or the other way round. */
const GONE: HubFailure = { meaning: "Transient", reason: "the device was there and was gone" };

/** @returns what has to be tried again */
async function createAll(
  work: Work,
  pending: readonly Wanted[],
  call: RegistryCall,
  settled: Settled,
): Promise<"split" | "aborted" | { pending: Wanted[]; last: HubFailure | undefined }> {
  const { signal } = call;
  const batch = work.twins ? call.batch : undefined;
  const operations = pending.map(({ name, thumbprints }) => createOperation(name, thumbprints[0], batch));
  const answer = await work.hub.bulk(operations, signal).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (answer === undefined) return "aborted";
  if ("failure" in answer) {
    const { failure } = answer;
    if (mayPass(failure)) return { pending: [...pending], last: failure };
    if (isOfTheRequest(failure) && pending.length > 1) {
      // One of them is at fault, and the hub does not say which.
      await sideBySide(inBulks(pending, Math.ceil(pending.length / 2)), 1, (half) =>
        letBulkIn(work, half, call, settled),
      );
      return "split";
    }
    for (const each of pending) settled.set(each, { ending: failure });
    return { pending: [], last: failure };
  }
  const again: Wanted[] = [];
  const existing: Wanted[] = [];
  let last: HubFailure | undefined;
  for (const each of pending) {
    const fate = answer.value.get(each.name) ?? GONE;
    if (fate === "done") settled.set(each, { held: [each.thumbprints[0]] });
    else if (fate === "half" || fate.meaning === "Exists") existing.push(each);
    else if (mayPass(fate)) {
      again.push(each);
      if (last === undefined || fate.meaning === "Throttled") last = fate;
    } else settled.set(each, { ending: fate });
  }
  await sideBySide(existing, work.parallel, async (each) => {
    const standing: Standing = await mend(work, each, call.batch, signal);
    if ("absent" in standing) again.push(each);
    else settled.set(each, standing);
  });
  return { pending: again, last };
}

function isOfTheRequest({ status }: HubFailure): boolean {
  return status === 400 || status === 413;
}

/** @param endpoint where devices connect to */
export function provisionEntry(
  certificate: CheckedCertificate,
  wanted: Wanted | undefined,
  settled: Settled,
  { endpoint, topic }: { endpoint: string; topic: string },
): ProvisionEntry {
  const { ref, thumbprint } = certificate;
  const end = wanted === undefined ? undefined : settled.get(wanted);
  if (end === undefined) return refused(ref, "NameUnusable");
  if ("ending" in end) return refused(ref, codeOf(end.ending));
  if (!end.held.includes(thumbprint)) {
    return refused(ref, "ExistsWithAnotherCertificate", COLLISION_MESSAGES.azure);
  }
  // The hub has no policies: what a device may do is the hub's own rule, and v1 answers false.
  return { ref, status: "SUCCESS", endpoint, topic, policyApplied: false };
}
