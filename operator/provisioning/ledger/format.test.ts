import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CHUNK_DATA_LIMIT,
  CHUNK_DEVICES,
  decodeStates,
  encodeStates,
  LEDGER_FORMAT,
  LedgerFormatError,
} from "./format.ts";
import { STATE_LIMIT } from "./states.ts";

const state = fc.integer({ min: 0, max: STATE_LIMIT - 1 });
const runs = fc.array(fc.tuple(state, fc.integer({ min: 1, max: 3000 })), { maxLength: 10 });

function fromRuns(list: readonly (readonly [number, number])[]): Uint8Array {
  return Uint8Array.from(list.flatMap(([value, length]) => Array.from({ length }, () => value)));
}

function attempt(read: () => Uint8Array): unknown {
  try {
    return read();
  } catch (error) {
    return error;
  }
}

describe("ledger format v1", () => {
  it("reads back what it wrote, whatever the mixture", () => {
    fc.assert(
      fc.property(
        fc.oneof(runs.map(fromRuns), fc.uint8Array({ max: STATE_LIMIT - 1, maxLength: 2000 })),
        (states) => {
          expect(decodeStates(LEDGER_FORMAT, encodeStates(states), states.length)).toEqual(states);
        },
      ),
    );
  });

  it("keeps a reel that went through in order to a few bytes", () => {
    expect(encodeStates(new Uint8Array(CHUNK_DEVICES).fill(1)).length).toBeLessThanOrEqual(8);
  });

  it("fits the worst mixture of states into its limit", () => {
    let seed = 1;
    const states = Uint8Array.from({ length: CHUNK_DEVICES }, () => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
      return (seed >>> 16) % STATE_LIMIT;
    });
    expect(encodeStates(states).length).toBeLessThanOrEqual(CHUNK_DATA_LIMIT);
  });

  it("never takes garbage for a ledger: it decodes to the right length or refuses", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 5000 }), (bytes, devices) => {
        const read = attempt(() =>
          decodeStates(LEDGER_FORMAT, Buffer.from(bytes).toString("base64"), devices),
        );
        expect(
          read instanceof LedgerFormatError || (read instanceof Uint8Array && read.length === devices),
        ).toBe(true);
      }),
    );
  });

  it("refuses another format's data and says which version is needed", () => {
    expect(() => decodeStates("v2", encodeStates(Uint8Array.of(1)), 1)).toThrow(/"v2" is not known/u);
  });

  it("refuses a chunk that holds too few or too many devices", () => {
    const data = encodeStates(new Uint8Array(10));
    expect(() => decodeStates(LEDGER_FORMAT, data, 9)).toThrow(LedgerFormatError);
    expect(() => decodeStates(LEDGER_FORMAT, data, 11)).toThrow(LedgerFormatError);
  });
});
