import { deflateRawSync, inflateRawSync } from "node:zlib";
import { STATE_LIMIT } from "./states.ts";

/**
 * How a chunk's device states are written (format `v1`), base64 of:
 *
 * - `0x01`, then runs: one byte of state, then the run's length as LEB128;
 * - `0x02`, then the states, a byte a device, under raw DEFLATE.
 *
 * The shorter one is taken: a reel that went through in order is a handful of
 * bytes, and the worst mixture of 32 states stays under 5 bits a device.
 */
export const LEDGER_FORMAT = "v1";

/** Devices in one chunk: the most whose worst mixture fits 32 KiB of base64 (5 bits each: 27.3 KiB). */
export const CHUNK_DEVICES = 32_768;

/** The longest `spec.data` that is ever written or accepted, in characters. */
export const CHUNK_DATA_LIMIT = 32 * 1024;

const RUNS = 1;
const DEFLATED = 2;

export class LedgerFormatError extends Error {
  override name = "LedgerFormatError";
}

/** Encodes the states of one chunk (at most CHUNK_DEVICES of them). */
export function encodeStates(states: Uint8Array): string {
  if (states.length > CHUNK_DEVICES) {
    throw new LedgerFormatError(`a chunk holds at most ${CHUNK_DEVICES} devices, not ${states.length}`);
  }
  const runs = encodeRuns(states);
  // Short runs are never worth a compressor's look; most chunks end here.
  const body = runs.length <= 64 ? runs : shorter(runs, states);
  return body.toString("base64");
}

function shorter(runs: Buffer, states: Uint8Array): Buffer {
  const deflated = Buffer.concat([Buffer.of(DEFLATED), deflateRawSync(states, { level: 6 })]);
  return deflated.length < runs.length ? deflated : runs;
}

function encodeRuns(states: Uint8Array): Buffer {
  const out: number[] = [RUNS];
  let at = 0;
  while (at < states.length) {
    const state = states[at] ?? 0;
    let end = at + 1;
    while (end < states.length && states[end] === state) end += 1;
    out.push(state);
    for (let left = end - at; ; left >>>= 7) {
      if (left < 0x80) {
        out.push(left);
        break;
      }
      out.push((left & 0x7f) | 0x80);
    }
    at = end;
  }
  return Buffer.from(out);
}

/**
 * Decodes a chunk into `devices` states.
 *
 * @throws LedgerFormatError when the data is of another format, damaged, or of another length: a ledger
 * that cannot be read is never taken for an empty one.
 */
export function decodeStates(format: string, data: string, devices: number): Uint8Array {
  if (format !== LEDGER_FORMAT) {
    throw new LedgerFormatError(
      `ledger format ${JSON.stringify(format)} is not known to this version (it knows ${LEDGER_FORMAT}); run the version that wrote it`,
    );
  }
  if (data.length > CHUNK_DATA_LIMIT || devices > CHUNK_DEVICES || devices < 0) {
    throw new LedgerFormatError(
      `a chunk of ${devices} devices and ${data.length} characters is over the limits`,
    );
  }
  const body = Buffer.from(data, "base64");
  const states = body[0] === DEFLATED ? inflate(body.subarray(1), devices) : decodeRuns(body, devices);
  for (const state of states) {
    if (state >= STATE_LIMIT) throw new LedgerFormatError(`device state ${state} is out of range`);
  }
  return states;
}

function inflate(body: Buffer, devices: number): Uint8Array {
  let states: Buffer;
  try {
    states = inflateRawSync(body, { maxOutputLength: Math.max(devices, 1) });
  } catch {
    throw new LedgerFormatError("the compressed device states are damaged");
  }
  if (states.length !== devices) {
    throw new LedgerFormatError(`${states.length} device states where ${devices} belong`);
  }
  return new Uint8Array(states);
}

function decodeRuns(body: Buffer, devices: number): Uint8Array {
  if (body[0] !== RUNS) throw new LedgerFormatError(`unknown encoding ${body[0] ?? "(empty)"}`);
  const states = new Uint8Array(devices);
  let at = 1;
  let filled = 0;
  while (at < body.length) {
    const state = body[at] ?? 0;
    at += 1;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = body[at];
      if (byte === undefined || shift > 21) throw new LedgerFormatError("a run's length is damaged");
      at += 1;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (length === 0 || filled + length > devices)
      throw new LedgerFormatError(`runs over ${devices} devices`);
    states.fill(state, filled, filled + length);
    filled += length;
  }
  if (filled !== devices) throw new LedgerFormatError(`${filled} device states where ${devices} belong`);
  return states;
}
