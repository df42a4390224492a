import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { API_VERSION } from "../../crds/kinds.ts";
import type { DeviceBatch } from "../../crds/index.ts";
import { batchPage, batchQuery } from "./batch-list.ts";

function batchOf(n: number, status: DeviceBatch["status"] = {}): DeviceBatch {
  return {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: {
      name: `b-${n}`,
      namespace: "acme",
      generation: 1,
      creationTimestamp: new Date(n * 1000).toISOString(),
      annotations: { "certferry.dev/added-by": n % 2 === 0 ? "ada" : "finn" },
    },
    spec: { batchId: `B-${n}`, provisioning: "Automatic", deletionPolicy: "Retain" },
    status,
  };
}

const query = (given: object = {}) => batchQuery.parse(given);
const names = (batches: readonly DeviceBatch[], given: object): string[] =>
  batchPage(batches, query(given)).rows.map(({ name }) => name);

describe("a page of batches", () => {
  const many = Array.from({ length: 10_000 }, (_, n) =>
    batchOf(n, { boundDevices: 3, provisionedDevices: n % 4 }),
  );

  it("is found fast among ten thousand, with the counters of all of them", () => {
    batchPage(many, query());
    const before = performance.now();
    const page = batchPage(many, query({ search: "b-99", sort: "batchId", order: "asc" }));
    expect(performance.now() - before).toBeLessThan(1000);
    expect(page.total).toBe(111);
    expect(page.rows).toHaveLength(50);
    expect(page.counters).toMatchObject({ batches: 10_000, bound: 30_000, provisioned: 15_000 });
  });

  it("has a row made once for each object, and anew for one that has changed", () => {
    const [first, second] = [batchOf(0), batchOf(1)];
    const rows = (...batches: DeviceBatch[]) => batchPage(batches, query({ order: "asc" })).rows;
    const before = rows(first, second);
    const changed = { ...second, status: { ...second.status, boundDevices: 4711 } };
    const after = rows(first, changed);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toMatchObject({ name: "b-1", bound: 4711 });
  });

  it("is one of pages that together are all that fit, each once, whatever is asked", () => {
    const some = many.slice(0, 137);
    fc.assert(
      fc.property(
        fc.constantFrom("batchId", "createdAt", "boundAt", "bound", "provisioned"),
        fc.constantFrom("asc", "desc"),
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom("", "b-1", "finn"),
        (sort, order, size, search) => {
          const seen: string[] = [];
          const { total } = batchPage(some, query({ sort, order, size, search }));
          for (let page = 1; (page - 1) * size < total; page += 1) {
            seen.push(...names(some, { sort, order, size, search, page }));
          }
          expect(seen).toHaveLength(total);
          expect(new Set(seen).size).toBe(total);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("beyond the last is the last", () => {
    expect(batchPage(many.slice(0, 3), query({ page: 9, size: 2 }))).toMatchObject({ page: 2, total: 3 });
  });

  it("has those without a date last, whichever way it is sorted", () => {
    const some = [
      batchOf(1),
      batchOf(2, { boundAt: "2026-01-01T00:00:00Z" }),
      batchOf(3, { boundAt: "2026-02-01T00:00:00Z" }),
    ];
    expect(names(some, { sort: "boundAt", order: "asc" })).toEqual(["b-2", "b-3", "b-1"]);
    expect(names(some, { sort: "boundAt", order: "desc" })).toEqual(["b-3", "b-2", "b-1"]);
  });

  it("is filtered by who added it, and tells who there is", () => {
    const page = batchPage(many.slice(0, 10), query({ by: "finn" }));
    expect(page.total).toBe(5);
    expect(page.facets.by).toEqual(["ada", "finn"]);
  });
});

describe("how a batch stands", () => {
  const condition = (type: string, status: "True" | "False" | "Unknown", reason: string) => ({
    type,
    status,
    reason,
    message: `because of ${reason}`,
    lastTransitionTime: "2026-01-01T00:00:00Z",
  });
  const stalled = (reason: string) => [
    condition("Ready", "False", reason),
    condition("Stalled", "True", reason),
  ];
  const state = (batch: DeviceBatch): string | undefined => batchPage([batch], query()).rows[0]?.state;

  it.each([
    ["Provisioned", [condition("Bound", "True", "Bound"), condition("Ready", "True", "Provisioned")], 1],
    ["BoundOnly", [condition("Bound", "True", "Bound"), condition("Ready", "True", "BoundOnly")], 0],
    ["Provisioning", [condition("Bound", "True", "Bound"), condition("Ready", "Unknown", "Provisioning")], 1],
    [
      "Waiting",
      [condition("Bound", "False", "ReelNotFound"), condition("Ready", "False", "ReelNotFound")],
      0,
    ],
    ["Waiting", [condition("Bound", "True", "Bound"), condition("Ready", "False", "NoDefaultCloudApi")], 0],
    ["Waiting", [condition("Bound", "False", "Contested"), condition("Ready", "False", "Contested")], 0],
    ["Attention", [condition("Bound", "False", "AlreadyBound"), ...stalled("AlreadyBound")], 0],
    // It goes on by itself when its cloud can be called again, and the command line waits for it too.
    ["Waiting", [condition("Bound", "True", "Bound"), condition("Ready", "False", "CloudBlocked")], 1],
    ["Waiting", [condition("Bound", "True", "Bound"), condition("Ready", "False", "DeprovisionBlocked")], 1],
    ["Attention", [condition("Bound", "True", "Bound"), ...stalled("DeprovisionBlocked")], 1],
    ["Attention", [condition("Bound", "True", "Bound"), ...stalled("DevicesFailed")], 1],
    ["Attention", [condition("Bound", "True", "Bound"), ...stalled("AReasonOfTomorrow")], 1],
    ["Suspended", [condition("Bound", "True", "Bound"), ...stalled("Suspended")], 1],
    ["Waiting", [], 0],
  ])("is %s", (wanted, conditions, clouds) => {
    const batch = batchOf(1, {
      observedGeneration: 1,
      conditions,
      clouds: clouds === 0 ? [] : [{ name: "aws-eu", state: "Provisioned" }],
    });
    expect(state(batch)).toBe(wanted);
  });

  it("is not called done by a verdict on what was declared before", () => {
    const conditions = [condition("Bound", "True", "Bound"), condition("Ready", "True", "Provisioned")];
    const status = {
      observedGeneration: 0,
      conditions,
      clouds: [{ name: "aws-eu", state: "Provisioned" as const }],
    };
    expect(state(batchOf(1, status))).toBe("Provisioning");
  });
});
