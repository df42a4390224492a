import { decodeCertificate } from "./certificates/encoding.ts";
import { type Leaf, LeafReader } from "./certificates/leaf.ts";
import { openContent } from "./content.ts";
import { hashOfDigest, PackedHashSet, TextHash } from "./duplicates.ts";
import { ManifestError } from "./errors.ts";
import type { Entry } from "./formats/port.ts";
import { formatOf } from "./formats/registry.ts";
import { isPrintable, printable } from "./printable.ts";
import {
  DEFAULT_LIMITS,
  type ManifestRecord,
  type ReadOptions,
  type RefusalReason,
  type StoredManifest,
} from "./records.ts";
import { Turn } from "./turn.ts";

const MAX_DEVICE_ID_CHARACTERS = 128;
const MAX_BATCH_ID_CHARACTERS = 63;

/**
 * Reads a manifest as a stream of devices and refused entries, at near constant memory: at most 17 bytes a
 * device are kept, to find duplicates. What is wrong with one entry refuses that entry; what is wrong with
 * the whole is thrown, possibly after devices have been yielded.
 * @throws ManifestError; unless it is transient, the stored file is removed. AbortError when `signal` aborts
 */
export function readManifest(
  manifest: StoredManifest,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<ManifestRecord> {
  return oneByOne(
    readBatches(manifest, options, signal, () => {}),
    signal,
  );
}

async function* oneByOne(
  batches: AsyncIterable<readonly ManifestRecord[]>,
  signal: AbortSignal,
): AsyncGenerator<ManifestRecord> {
  for await (const batch of batches) {
    for (const record of batch) {
      signal.throwIfAborted();
      yield record;
    }
  }
}

/** Records between two looks at the clock. */
const BETWEEN_TURNS = 16;

/** As readManifest, some records at a time; tells the format that was found before the first of them. */
export async function* readBatches(
  manifest: StoredManifest,
  options: ReadOptions,
  signal: AbortSignal,
  onFormat: (name: string) => void,
): AsyncGenerator<readonly ManifestRecord[]> {
  signal.throwIfAborted();
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const check = new EntryCheck(options);
  const turn = new Turn();
  try {
    await using content = await openContent(manifest, limits, signal);
    const format = formatOf(content, options.format);
    onFormat(format.name);
    for await (const entries of format.entries(content, limits, signal, options)) {
      signal.throwIfAborted();
      for (let at = 0; at < entries.length; at += BETWEEN_TURNS) {
        if (turn.isOver()) await turn.next();
        yield entries.slice(at, at + BETWEEN_TURNS).map((entry) => check.record(entry));
      }
    }
    if (check.count === 0) {
      throw new ManifestError("ManifestEmpty", "the manifest lists no device");
    }
  } catch (error) {
    // Whatever it is refused for: it was not searched to its end, and may hold a private key.
    if (error instanceof ManifestError && error.isOfContent) await manifest.discard?.();
    throw error;
  }
}

class EntryCheck {
  readonly #batchId: string;
  readonly #leaves: LeafReader;
  readonly #certificates = new PackedHashSet(64);
  readonly #devices = new PackedHashSet(64);
  readonly #deviceHash = new TextHash();
  count = 0;

  constructor(options: ReadOptions) {
    this.#batchId = options.batchId.toLowerCase();
    this.#leaves = new LeafReader(options.now);
  }

  /** @throws ManifestError ContainsPrivateKey */
  record(entry: Entry): ManifestRecord {
    const place = { ordinal: this.count, row: entry.row };
    this.count += 1;
    if ("unreadable" in entry) {
      return { kind: "refused", ...place, reason: "RowUnreadable", message: entry.unreadable };
    }
    const { deviceId } = entry;
    const device = canBeShown(deviceId) ? { deviceId: printable(deviceId, MAX_DEVICE_ID_CHARACTERS) } : {};
    const refused = (reason: RefusalReason, message: string): ManifestRecord => ({
      kind: "refused",
      ...place,
      ...device,
      reason,
      message,
    });
    if ("refused" in entry) return refused(entry.refused, entry.message);
    // Decoded first: a private key refuses the manifest, whatever else is wrong with the row.
    const decoded = decodeCertificate(entry.certificate);
    const group = this.#groupProblem(entry.groupId);
    if (deviceId === "") return refused("MissingDeviceId", "the device id is empty");
    if (deviceId.length > MAX_DEVICE_ID_CHARACTERS || !isPrintable(deviceId)) {
      return refused(
        "InvalidDeviceId",
        `the device id must be printable and have at most ${MAX_DEVICE_ID_CHARACTERS} characters`,
      );
    }
    if (group !== undefined) return refused("WrongGroup", group);
    if ("reason" in decoded) return refused(decoded.reason, decoded.message);
    const read = this.#leaves.read(decoded.der);
    if ("refusal" in read) return refused(read.refusal.reason, read.refusal.message);
    const duplicate = this.#remember(deviceId, read.leaf);
    if (duplicate !== undefined) return refused(duplicate.reason, duplicate.message);
    return { kind: "device", ...place, deviceId, ...read.leaf };
  }

  /** @param groupId undefined where the format has no groups: the file as a whole is the reel's */
  #groupProblem(groupId: string | undefined): string | undefined {
    if (groupId === undefined) return undefined;
    if (groupId === "") return "the entry names no group; that must be the batch id";
    if (groupId.toLowerCase() === this.#batchId) return undefined;
    if (groupId.length > MAX_BATCH_ID_CHARACTERS) return "what the entry names as its group is no batch id";
    return `the entry belongs to the group "${printable(groupId, MAX_BATCH_ID_CHARACTERS)}", not to this reel`;
  }

  /** Only what is accepted is remembered: a refused entry takes nobody's place. */
  #remember(deviceId: string, leaf: Leaf): { reason: RefusalReason; message: string } | undefined {
    if (this.#certificates.has(hashOfDigest(leaf.fingerprint))) {
      return {
        reason: "DuplicateCertificate",
        message: "an entry above has the same certificate; each device has its own",
      };
    }
    if (this.#devices.has(this.#deviceHash.of(deviceId))) {
      return {
        reason: "DuplicateDevice",
        message: "an entry above has the same device id with another certificate; that one was taken",
      };
    }
    this.#certificates.addSought();
    this.#devices.addSought();
    return undefined;
  }
}

/** Where columns are mixed up, the field may hold a certificate instead; that is not repeated anywhere. */
function canBeShown(deviceId: string): boolean {
  return deviceId !== "" && deviceId.length <= MAX_DEVICE_ID_CHARACTERS && !deviceId.includes("-----");
}
