import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHUNK_DEVICES } from "./format.ts";
import { Ledger } from "./ledger.ts";
import {
  countStates,
  failed,
  FAILURE_REASONS,
  failureReason,
  PENDING,
  PROVISIONED,
  QUARANTINED,
} from "./states.ts";

const anyState = fc.constantFrom(
  PENDING,
  PROVISIONED,
  QUARANTINED,
  failed("SerialCollision"),
  failed("Unknown"),
);

describe("Ledger", () => {
  it("counts what stands in it, whatever was marked in whatever order", () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 50 })
          .chain((records) =>
            fc.tuple(
              fc.constant(records),
              fc.array(fc.tuple(fc.integer({ min: 0, max: records - 1 }), anyState), { maxLength: 200 }),
            ),
          ),
        ([records, marks]) => {
          const ledger = new Ledger(records);
          for (const [ordinal, state] of marks) ledger.mark(ordinal, state);
          const states = Uint8Array.from({ length: records }, (_, ordinal) => ledger.state(ordinal));
          expect(ledger.counts()).toEqual(countStates(states));
        },
      ),
    );
  });

  it("changes only the chunk that a device is in", () => {
    const ledger = new Ledger(CHUNK_DEVICES + 10);
    for (const chunk of ledger.chunks) chunk.dirty = false;
    ledger.mark(CHUNK_DEVICES + 3, PROVISIONED);
    expect(ledger.chunks.map((chunk) => chunk.dirty)).toEqual([false, true]);
    ledger.mark(CHUNK_DEVICES + 3, PROVISIONED);
    expect(ledger.counts()).toEqual({
      provisioned: 1,
      failed: 0,
      pending: CHUNK_DEVICES + 9,
      quarantined: 0,
      leaving: 0,
      removed: 0,
    });
  });

  it("makes every device pending again for a new request, once, but for refused entries", () => {
    const ledger = new Ledger(4);
    ledger.mark(0, PROVISIONED);
    ledger.mark(1, failed("RegistryRefused"));
    ledger.mark(2, QUARANTINED);
    ledger.provisionedAt = "2026-01-01T00:00:00Z";
    ledger.takeUp("first");
    expect(ledger.counts()).toEqual({
      provisioned: 0,
      failed: 0,
      pending: 3,
      quarantined: 1,
      leaving: 0,
      removed: 0,
    });
    expect(ledger.provisionedAt).toBeUndefined();
    ledger.mark(0, PROVISIONED);
    ledger.takeUp("first");
    expect(ledger.counts().provisioned).toBe(1);
  });

  it("takes the absence of a request for no wish", () => {
    const ledger = new Ledger(1);
    ledger.mark(0, PROVISIONED);
    ledger.takeUp(undefined);
    expect(ledger.counts().provisioned).toBe(1);
  });

  it("refuses a device that the manifest does not have", () => {
    expect(() => new Ledger(3).mark(3, PROVISIONED)).toThrow(RangeError);
    expect(() => new Ledger(3).state(-1)).toThrow(RangeError);
  });

  it("keeps each reason's number, for they stand in clusters", () => {
    expect(FAILURE_REASONS.map((reason) => `${failed(reason)} ${reason}`)).toEqual([
      "3 SerialCollision",
      "4 CertificateRejected",
      "5 CertificateNotDecodable",
      "6 SerialRejected",
      "7 ValidityRejected",
      "8 ThumbprintRejected",
      "9 RegistryRefused",
      "10 RequestRefused",
      "11 IdentityTaken",
      "12 Unknown",
      "13 NameRejected",
      "14 NotPermitted",
      "15 QuotaExceeded",
    ]);
    expect(failureReason(31)).toBe("Unknown");
  });
});
