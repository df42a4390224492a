import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeviceBatch, Reel, ReelBinding } from "../../../crds/index.ts";
import { API_VERSION, WAITED_FOR_REEL } from "../../../crds/index.ts";
import type { Inspection } from "../reel/inspector.ts";
import { type BindingView, planBinding } from "./binding-plan.ts";

const SHA = "a".repeat(64);
const LATER = "2026-02-01T00:00:00Z";
const EARLIER = "2026-01-01T00:00:00Z";

const ready: Inspection = {
  state: "ready",
  evaluatedAt: new Date(EARLIER),
  summary: {
    sha256: SHA,
    records: 3,
    devices: 2,
    refused: 1,
    firstRefused: [],
    issuers: [],
    keyTypes: [],
    format: "CloudIdCsv",
    collidingSerials: new Set(),
  },
};

interface BatchFacts {
  namespace?: string;
  name?: string;
  created?: string;
  waited?: boolean;
  slot?: "E0E0" | "E0E1";
  suspend?: boolean;
}

function batch({
  namespace = "acme",
  name = "b",
  created = LATER,
  waited = false,
  slot,
  suspend,
}: BatchFacts = {}): DeviceBatch {
  return {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: {
      name,
      namespace,
      creationTimestamp: created,
      ...(waited ? { annotations: { [WAITED_FOR_REEL]: "true" } } : {}),
    },
    spec: {
      batchId: "D001",
      provisioning: "Automatic",
      deletionPolicy: "Retain",
      ...(slot === undefined ? {} : { certificateSlot: slot }),
      ...(suspend === undefined ? {} : { suspend }),
    },
  };
}

function reel(o: { created?: string; reservedFor?: string } = {}): Reel {
  return {
    apiVersion: API_VERSION,
    kind: "Reel",
    metadata: { name: "d001", creationTimestamp: o.created ?? EARLIER },
    spec: {
      batchId: "D001",
      manifest: { configMap: { name: "d001", key: "csv" } },
      ...(o.reservedFor === undefined ? {} : { reservedFor: { namespace: o.reservedFor } }),
    },
  };
}

function binding(
  o: { account?: string; batch?: string; deleting?: boolean; slot?: "E0E0" } = {},
): ReelBinding {
  return {
    apiVersion: API_VERSION,
    kind: "ReelBinding",
    metadata: { name: "d001", ...(o.deleting === true ? { deletionTimestamp: LATER } : {}) },
    spec: {
      account: o.account ?? "acme",
      batchId: "D001",
      ...(o.batch === undefined ? {} : { batch: o.batch }),
      boundAt: EARLIER,
      evaluatedAt: EARLIER,
      manifestSha256: SHA,
      devices: 2,
      records: 3,
      ...(o.slot === undefined ? {} : { certificateSlot: o.slot }),
    },
  };
}

function plan(view: Partial<BindingView> & { batch: DeviceBatch }) {
  const rivals = view.rivals ?? [view.batch];
  return planBinding({
    reel: undefined,
    binding: undefined,
    holderExists: false,
    inspection: undefined,
    ...view,
    rivals,
  });
}

describe("planBinding", () => {
  it("waits for a reel that is not there, and reserves nothing", () => {
    expect(plan({ batch: batch() })).toMatchObject({ do: "wait", reason: "ReelNotFound" });
  });

  it("has the manifest read before it claims, and claims when it was read", () => {
    expect(plan({ batch: batch(), reel: reel() })).toEqual({ do: "inspect" });
    expect(plan({ batch: batch(), reel: reel(), inspection: { state: "running" } })).toMatchObject({
      reason: "ReadingManifest",
    });
    expect(plan({ batch: batch(), reel: reel(), inspection: ready })).toMatchObject({ do: "claim" });
  });

  it("says whose fault an unreadable manifest is", () => {
    const inspection: Inspection = {
      state: "failed",
      reason: "NotAManifest",
      message: "an HTML page",
      retryAt: undefined,
    };
    const step = plan({ batch: batch(), reel: reel(), inspection });
    expect(step).toMatchObject({ do: "wait", reason: "ReelNotReady" });
    expect(step).toHaveProperty("message", expect.stringContaining("NotAManifest: an HTML page"));
  });

  it("uses its binding, takes up one that is free, and refuses one that a batch uses", () => {
    expect(plan({ batch: batch(), binding: binding({ batch: "b" }) })).toMatchObject({ do: "use" });
    expect(plan({ batch: batch(), binding: binding() })).toMatchObject({ do: "adopt" });
    expect(plan({ batch: batch(), binding: binding({ batch: "gone" }) })).toMatchObject({ do: "adopt" });
    const taken = plan({ batch: batch(), binding: binding({ batch: "other" }), holderExists: true });
    expect(taken).toMatchObject({ do: "refuse", reason: "AlreadyBound" });
  });

  it("never tells another account whose a reel is", () => {
    const step = plan({
      batch: batch({ namespace: "rival" }),
      binding: binding({ account: "acme", batch: "b" }),
    });
    expect(step).toMatchObject({ do: "refuse", reason: "AlreadyBound" });
    expect(JSON.stringify(step)).not.toContain("acme");
    const reserved = plan({
      batch: batch({ namespace: "rival" }),
      reel: reel({ reservedFor: "acme" }),
      inspection: ready,
    });
    expect(reserved).toMatchObject({ do: "refuse", reason: "Reserved" });
    expect(JSON.stringify(reserved)).not.toContain("acme");
  });

  it("binds nobody when several accounts waited for a reel, until it says whose it is", () => {
    const ours = batch({ created: EARLIER });
    const theirs = batch({ namespace: "rival", created: EARLIER });
    const view = { batch: ours, rivals: [ours, theirs], inspection: ready };
    expect(plan({ ...view, reel: reel({ created: LATER }) })).toMatchObject({
      do: "wait",
      reason: "Contested",
    });
    expect(plan({ ...view, reel: reel({ created: LATER, reservedFor: "acme" }) })).toMatchObject({
      do: "claim",
    });
    expect(plan({ ...view, reel: reel({ created: EARLIER }) })).toMatchObject({ do: "claim" });
  });

  it("knows who waited by what is noted in the batches, which a restore within one second does not lose", () => {
    const ours = batch({ created: EARLIER, waited: true });
    const theirs = batch({ namespace: "rival", created: EARLIER, waited: true });
    const view = { batch: ours, rivals: [ours, theirs], reel: reel({ created: EARLIER }), inspection: ready };
    expect(plan(view)).toMatchObject({ do: "wait", reason: "Contested", early: true });
    expect(plan({ ...view, rivals: [ours] })).toMatchObject({ do: "claim" });
  });

  it("has who comes later wait for the end of a contest, but counts only those who were there before", () => {
    const first = batch({ namespace: "rival", waited: true });
    const second = batch({ namespace: "other", waited: true });
    const late = batch();
    const view = { batch: late, reel: reel(), inspection: ready };
    expect(plan({ ...view, rivals: [first, second, late] })).toMatchObject({
      do: "wait",
      reason: "Contested",
      early: false,
    });
    expect(plan({ ...view, batch: first, rivals: [first, late] })).toMatchObject({ do: "claim" });
  });

  it("keeps the certificate slot that was bound", () => {
    expect(plan({ batch: batch({ slot: "E0E1" }), binding: binding({ slot: "E0E0" }) })).toMatchObject({
      do: "refuse",
      reason: "CertificateSlotChanged",
    });
  });

  it("is told to be deleted where its own binding was: that goes not before", () => {
    const own = plan({
      batch: batch(),
      binding: binding({ batch: "b", deleting: true }),
      holderExists: true,
    });
    expect(own).toMatchObject({ do: "refuse", reason: "BindingReleased" });
    expect(own).toHaveProperty("message", expect.stringMatching(/Delete this batch to release the reel$/));
  });

  it("waits while a binding is being released, and is told for whom", () => {
    const other = { batch: batch({ name: "other" }), binding: binding({ batch: "b", deleting: true }) };
    const held = plan({ ...other, holderExists: true });
    expect(held).toMatchObject({ do: "wait", reason: "BindingReleased" });
    expect(held).toHaveProperty("message", expect.stringMatching(/when DeviceBatch b, which uses it, is/));
    expect(plan({ ...other, holderExists: false })).toMatchObject({
      do: "wait",
      message: "the reel is being released; it is bound anew after that",
    });
  });

  it("claims only what is free, readable and not somebody else's, whatever the circumstances", () => {
    const facts = fc.record({
      namespace: fc.constantFrom("acme", "rival"),
      name: fc.constantFrom("b", "c"),
      created: fc.constantFrom(EARLIER, LATER),
      waited: fc.boolean(),
      suspend: fc.boolean(),
    });
    const anyBinding = fc.record({
      account: fc.constantFrom("acme", "rival"),
      batch: fc.constantFrom(undefined, "b", "c"),
      deleting: fc.boolean(),
    });
    fc.assert(
      fc.property(
        facts,
        fc.array(facts, { maxLength: 3 }),
        fc.option(
          fc.record({
            created: fc.constantFrom(EARLIER, LATER),
            reservedFor: fc.constantFrom(undefined, "acme", "rival"),
          }),
          { nil: undefined },
        ),
        fc.option(anyBinding, { nil: undefined }),
        fc.boolean(),
        fc.constantFrom<Inspection | undefined>(undefined, { state: "running" }, ready),
        (ours, others, reelFacts, bindingFacts, holderExists, inspection) => {
          const mine = batch(defined(ours));
          const there = reelFacts && reel(defined(reelFacts));
          const bound = bindingFacts && binding(defined(bindingFacts));
          const rivals = [mine, ...others.map((other) => batch(defined(other)))];
          const step = planBinding({
            batch: mine,
            reel: there,
            binding: bound,
            holderExists,
            rivals,
            inspection,
          });
          const reserved = there?.spec.reservedFor?.namespace;
          const mayClaim =
            bound === undefined && inspection === ready && there !== undefined && mine.spec.suspend !== true;
          expect(step.do !== "claim" || (mayClaim && (reserved ?? ours.namespace) === ours.namespace)).toBe(
            true,
          );
          const touches = step.do === "use" || step.do === "adopt";
          expect(!touches || bound?.spec.account === ours.namespace).toBe(true);
        },
      ),
    );
  });
});

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(facts: T): Defined<T> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Defined<T>;
}
