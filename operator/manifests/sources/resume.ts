import { setTimeout as delay } from "node:timers/promises";
import { ManifestError } from "../errors.ts";

/** A file, or the rest of one, as a server gives it. */
export interface Part {
  /** Of the whole file: the place of the first byte that comes. */
  readonly from: number;
  /** Names this version of the file, and no other; undefined where the server names none. */
  readonly version: string | undefined;
  /** The whole file's size; undefined where it is not told. */
  readonly total: number | undefined;
  /** @throws ManifestError */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Where to go on, in which version of the file. */
export interface Position {
  readonly offset: number;
  readonly version: string;
}

export interface ResumeOptions {
  readonly where: string;
  /** Before the first new try; doubled with each further one that brings nothing. */
  readonly pauseMs: number;
}

/** Connections one after the other that bring nothing, until it is given up. */
const BARREN = 5;
/** Connections in all: a server that gives some bytes each time may go on for long, but not for ever. */
const CONNECTIONS = 1_000;

/**
 * A file's bytes, once and from the beginning, over as many connections as it takes. What comes after a break is the
 * rest of the same version or nothing: where the server names no version, or has another one by now, the file has to
 * be begun anew, which is left to the caller (`broken`).
 * @param open gives the file, or its rest from a position; the whole file all the same where it cannot be had in parts
 * @throws ManifestError
 */
export async function* resumed(
  open: (position: Position | undefined) => Promise<Part>,
  options: ResumeOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  let version: string | undefined;
  let total: number | undefined;
  let barren = 0;
  for (let connections = 1; ; connections += 1) {
    const before = offset;
    try {
      const part = await open(version === undefined ? undefined : { offset, version });
      if (connections > 1 && (part.version !== version || part.from > offset)) throw changed(options.where);
      if (total !== undefined && part.total !== undefined && part.total !== total) {
        throw changed(options.where);
      }
      version = part.version;
      total ??= part.total;
      let skip = offset - part.from;
      for await (const chunk of part.bytes) {
        const fresh = skip === 0 ? chunk : chunk.subarray(skip);
        skip -= chunk.length - fresh.length;
        offset += fresh.length;
        if (fresh.length > 0) yield fresh;
      }
      if (total === undefined || offset === total) return;
      throw incomplete(options.where, offset, total);
    } catch (error) {
      barren = offset > before ? 0 : barren + 1;
      const mayResume = offset > 0 && version !== undefined && barren < BARREN && connections < CONNECTIONS;
      if (!mayResume || !isPassing(error)) throw error;
    }
    await delay(options.pauseMs * 2 ** barren, undefined, { signal });
  }
}

/** What another connection may mend; that the file has changed is none of it. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof ManifestError) || error instanceof Changed) return false;
  return error.transient && error.reason === "SourceUnavailable";
}

class Changed extends ManifestError {}

/** The rest is of another version, or not to be had by itself: to be begun anew. */
export function changed(where: string): ManifestError {
  return new Changed("SourceUnavailable", `${where} cannot be fetched: it was changed while it was fetched`, {
    transient: true,
    broken: true,
  });
}

function incomplete(where: string, bytes: number, total: number): ManifestError {
  return new ManifestError(
    "SourceUnavailable",
    `${where} cannot be fetched: ${bytes} of ${total} bytes came`,
    { transient: true, broken: true },
  );
}
