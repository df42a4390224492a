import type { ProvisioningLedger } from "../../../crds/index.ts";
import { API_VERSION, LEDGER_REEL_LABEL, LEDGER_TARGET_LABEL } from "../../../crds/index.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../runtime/api-error.ts";
import type { ResourceClient } from "../../runtime/client.ts";
import type { ByteBudget } from "../byte-budget.ts";
import type { FerryObserver } from "../observer.ts";
import type { TargetIdentity } from "../target.ts";
import { CHUNK_DEVICES, decodeStates, encodeStates, LEDGER_FORMAT, LedgerFormatError } from "./format.ts";
import { type Chunk, Ledger } from "./ledger.ts";
import { type Counts, countStates } from "./states.ts";

/** Whose ledger: one per reel and target. */
export interface LedgerIdentity {
  readonly reel: string;
  readonly account: string;
  readonly target: TargetIdentity;
  /** The CloudApi through which the target is reached now. */
  readonly cloudApi: string;
  readonly manifestSha256: string;
  readonly records: number;
  readonly certificateSlot?: string | undefined;
}

/** Somebody else wrote the ledger: this process must not go on from what it has in memory. */
export class LedgerConflict extends Error {
  override name = "LedgerConflict";
}

/** The label selector that finds a reel's ledgers, or those in one target. */
export function ledgerSelector(reel: string, target?: TargetIdentity): string {
  const ofReel = `${LEDGER_REEL_LABEL}=${reel}`;
  return target === undefined ? ofReel : `${ofReel},${LEDGER_TARGET_LABEL}=${target.hash}`;
}

/** Name of the object that holds chunk `index`. */
export function chunkName(reel: string, target: TargetIdentity, index: number): string {
  return `${reel}.${target.hash}.${index}`;
}

/** Reads and writes ledgers, one object a chunk, only those that changed. */
export class LedgerStore {
  readonly #client: ResourceClient<ProvisioningLedger>;
  readonly #budget: ByteBudget;
  readonly #written: (object: ProvisioningLedger) => void;
  readonly #observer: Pick<FerryObserver, "ledger"> | undefined;

  /** @param written is told each object as the API server returned it (for the caches that read it). */
  constructor(
    client: ResourceClient<ProvisioningLedger>,
    budget: ByteBudget,
    written: (object: ProvisioningLedger) => void,
    observer?: Pick<FerryObserver, "ledger">,
  ) {
    this.#client = client;
    this.#budget = budget;
    this.#written = written;
    this.#observer = observer;
  }

  /**
   * Loads a ledger from the API server (never from a cache), or starts an empty one. Chunks that were never
   * written are all pending.
   *
   * @throws LedgerFormatError when a chunk cannot be read or belongs to another manifest.
   */
  async load(identity: LedgerIdentity, signal: AbortSignal): Promise<Ledger> {
    const ledger = new Ledger(identity.records);
    const { items } = await this.#client.list(
      { labelSelector: ledgerSelector(identity.reel, identity.target) },
      signal,
    );
    for (const item of items) {
      const chunk = ledger.chunks[item.spec.chunk.index];
      if (chunk === undefined || item.spec.chunk.devices !== chunk.states.length) {
        throw new LedgerFormatError(
          `ledger ${item.metadata.name} covers ${item.spec.chunk.devices} devices from ${item.spec.chunk.first}, which does not fit a manifest of ${identity.records} records`,
        );
      }
      if (item.spec.account !== identity.account) {
        throw new LedgerFormatError(
          `ledger ${item.metadata.name} was left by another account; delete the ledgers labelled ${ledgerSelector(identity.reel)}`,
        );
      }
      if (item.spec.manifestSha256 !== identity.manifestSha256) {
        throw new LedgerFormatError(
          `ledger ${item.metadata.name} was written for manifest ${item.spec.manifestSha256}, the reel is bound with ${identity.manifestSha256}`,
        );
      }
      chunk.states.set(decodeStates(item.spec.format, item.spec.data, chunk.states.length));
      chunk.counts = countStates(chunk.states);
      chunk.request = item.spec.request;
      chunk.resourceVersion = item.metadata.resourceVersion;
      // Counts that do not fit the devices (edited by hand) are put right, for people and controllers read them.
      chunk.dirty = !sameCounts(chunk.counts, item.spec.counts);
      if (chunk.index === 0) {
        ledger.startedAt = item.spec.startedAt;
        ledger.provisionedAt = item.spec.provisionedAt;
        ledger.deviceEndpoint = item.spec.deviceEndpoint;
      }
    }
    return ledger;
  }

  /**
   * Writes every chunk that changed, the head (chunk 0) last, so that `provisionedAt` is never ahead of the
   * devices it speaks of. A chunk that changes while it is written stays dirty.
   *
   * @throws LedgerConflict when an object was changed or deleted by somebody else.
   */
  async save(identity: LedgerIdentity, ledger: Ledger, signal: AbortSignal): Promise<void> {
    for (const chunk of ledger.chunks.toReversed()) {
      if (chunk.dirty) await this.#write(identity, ledger, chunk, signal);
    }
  }

  /**
   * Deletes a ledger of which nothing is left to say, the head last, so that a ledger which was only deleted in
   * part is still seen as one.
   *
   * @throws LedgerConflict when an object was changed by somebody else.
   */
  async remove(identity: LedgerIdentity, ledger: Ledger, signal: AbortSignal): Promise<void> {
    for (const chunk of ledger.chunks.toReversed()) {
      const { resourceVersion } = chunk;
      if (resourceVersion === undefined) continue;
      const name = chunkName(identity.reel, identity.target, chunk.index);
      try {
        await this.#client.delete({ name }, { resourceVersion }, signal);
      } catch (error) {
        if (isConflict(error)) {
          throw new LedgerConflict(`ledger ${name} was changed by somebody else; it is read again`, {
            cause: error,
          });
        }
        if (!isNotFound(error)) throw error;
      }
      chunk.resourceVersion = undefined;
    }
  }

  async #write(identity: LedgerIdentity, ledger: Ledger, chunk: Chunk, signal: AbortSignal): Promise<void> {
    // Clean from the moment of the copy: what changes while the write is under way makes it dirty again.
    chunk.dirty = false;
    const object = toObject(identity, ledger, chunk);
    const bytes = Buffer.byteLength(JSON.stringify(object));
    try {
      await this.#budget.take(bytes, signal);
      const written =
        chunk.resourceVersion === undefined
          ? await this.#client.create(object, signal)
          : await this.#client.update(object, signal);
      chunk.resourceVersion = written.metadata.resourceVersion;
      this.#written(written);
      this.#observer?.ledger({ result: "written", bytes });
    } catch (error) {
      chunk.dirty = true;
      // Not found: it was deleted by hand, which has its devices sent again.
      const conflict = isConflict(error) || isAlreadyExists(error) || isNotFound(error);
      if (!signal.aborted) this.#observer?.ledger({ result: conflict ? "conflict" : "error", bytes });
      if (conflict) {
        throw new LedgerConflict(
          `ledger ${object.metadata.name} was changed by somebody else; it is read again`,
          { cause: error },
        );
      }
      throw error;
    }
  }
}

function toObject(identity: LedgerIdentity, ledger: Ledger, chunk: Chunk): ProvisioningLedger {
  const { reel, target } = identity;
  return {
    apiVersion: API_VERSION,
    kind: "ProvisioningLedger",
    metadata: {
      name: chunkName(reel, target, chunk.index),
      labels: { [LEDGER_REEL_LABEL]: reel, [LEDGER_TARGET_LABEL]: target.hash },
      ...(chunk.resourceVersion === undefined ? {} : { resourceVersion: chunk.resourceVersion }),
    },
    spec: {
      reel,
      account: identity.account,
      target: { key: target.key, type: target.type, cloudApi: identity.cloudApi },
      manifestSha256: identity.manifestSha256,
      ...(identity.certificateSlot === undefined ? {} : { certificateSlot: identity.certificateSlot }),
      chunk: { index: chunk.index, first: chunk.index * CHUNK_DEVICES, devices: chunk.states.length },
      ...(chunk.request === undefined ? {} : { request: chunk.request }),
      format: LEDGER_FORMAT,
      data: encodeStates(chunk.states),
      counts: writtenCounts(chunk.counts),
      ...(chunk.index === 0 ? headOf(ledger) : {}),
    },
  };
}

function headOf(ledger: Ledger): Partial<ProvisioningLedger["spec"]> {
  return {
    ...(ledger.startedAt === undefined ? {} : { startedAt: ledger.startedAt }),
    ...(ledger.provisionedAt === undefined ? {} : { provisionedAt: ledger.provisionedAt }),
    ...(ledger.deviceEndpoint === undefined ? {} : { deviceEndpoint: ledger.deviceEndpoint }),
  };
}

/** Devices that are taken out are counted only while there are such. */
function writtenCounts({ leaving, removed, ...counts }: Counts): ProvisioningLedger["spec"]["counts"] {
  return {
    ...counts,
    ...(leaving === 0 ? {} : { leaving }),
    ...(removed === 0 ? {} : { removed }),
  };
}

function sameCounts(a: Counts, b: ProvisioningLedger["spec"]["counts"]): boolean {
  return (
    a.leaving === (b.leaving ?? 0) &&
    a.removed === (b.removed ?? 0) &&
    a.provisioned === b.provisioned &&
    a.failed === b.failed &&
    a.pending === b.pending &&
    a.quarantined === b.quarantined
  );
}
