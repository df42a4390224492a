import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WireEntry } from "../callee/certificates-request.ts";
import { ENTRY_MESSAGES } from "../protocol/messages.ts";
import { readAnswer, readProvisioned } from "./answers.ts";
import type { HttpAnswer } from "./http.ts";

const http = (body: unknown): HttpAnswer => ({
  status: 200,
  headers: {},
  cut: false,
  body: JSON.stringify(body),
});
const read = (entries: unknown, refs: readonly string[]) =>
  readAnswer(http(entries), "cloud.example", new Set(refs), readProvisioned);
const success = { ref: "a", status: "SUCCESS", endpoint: "x.example", topic: "iqs", policyApplied: true };

describe("an entry", () => {
  it.each([
    ["a number", 7],
    ["null", null],
    ["a list", []],
    ["no ref", { ...success, ref: undefined }],
    ["a ref that is a number", { ...success, ref: 1 }],
    ["no status", { ...success, status: undefined }],
    ["an unknown status", { ...success, status: "OK" }],
    ["a status in lower case", { ...success, status: "success" }],
    ["an endpoint that is an object", { ...success, endpoint: {} }],
    ["a topic that is a number", { ...success, topic: 1 }],
    ["policyApplied as text", { ...success, policyApplied: "true" }],
  ])("with %s counts for nothing", (_what, entry) => {
    expect(read([entry], ["a", "1"])).toEqual(new Map());
  });

  it("may leave out endpoint, topic and policyApplied", () => {
    const provisioned = { outcome: "provisioned", policyApplied: false };
    expect(read([{ ref: "a", status: "SUCCESS" }], ["a"]).get("a")).toEqual(provisioned);
    const nulls = { ref: "a", status: "SUCCESS", endpoint: null, topic: null, policyApplied: null };
    expect(read([nulls], ["a"]).get("a")).toEqual(provisioned);
  });

  it("brings no text into a status that is not short and printable", () => {
    const odd = { ...success, endpoint: "a\nb", topic: "t".repeat(301) };
    expect(read([odd], ["a"]).get("a")).toEqual({ outcome: "provisioned", policyApplied: true });
  });

  it("that fails without a readable message is still a failure", () => {
    const answers = read([success, { ref: "a", status: "ERROR", message: { deep: 1 } }], ["a"]);
    expect(answers.get("a")).toMatchObject({ outcome: "refused", code: "Unknown", retryable: true });
  });
});

describe("a list of a million entries that are none", () => {
  it.each([
    ["numbers", "0"],
    ["entries of strangers", '{"ref":"x"}'],
  ])("(%s) costs little time and hides no other", (_what, junk) => {
    const body = `[${`${junk},`.repeat(1_000_000)}${JSON.stringify(success)}]`;
    const started = performance.now();
    const parsed: unknown = JSON.parse(body);
    const parsing = performance.now() - started;
    expect(parsed).toHaveLength(1_000_001);
    const answer: HttpAnswer = { status: 200, headers: {}, cut: false, body };
    const answers = readAnswer(answer, "cloud.example", new Set(["a"]), readProvisioned);
    expect(answers.get("a")).toMatchObject({ outcome: "provisioned" });
    expect(performance.now() - started).toBeLessThan(500 + 4 * parsing);
  });
});

describe("whatever a callee does with its entries", () => {
  const refs = ["r0", "r1", "r2", "r3", "r4", "r5", "__proto__", "constructor"];
  const ref = fc.oneof(fc.constantFrom(...refs), fc.constantFrom("stranger", "", "R0"));
  const message = fc.oneof(fc.constantFrom(...Object.values(ENTRY_MESSAGES)), fc.string());
  const entry = fc.oneof(
    fc.record({
      ref,
      status: fc.constant("SUCCESS" as const),
      endpoint: fc.option(fc.string()),
      topic: fc.string(),
      policyApplied: fc.boolean(),
    }),
    fc.record({ ref, status: fc.constant("ERROR" as const), message }),
  ) satisfies fc.Arbitrary<WireEntry>;
  const anything = fc.oneof(
    { weight: 4, arbitrary: entry },
    { weight: 1, arbitrary: fc.jsonValue() },
    { weight: 1, arbitrary: fc.record({ ref, status: fc.jsonValue(), message: fc.jsonValue() }) },
  );

  it("only what it calls SUCCESS, and never ERROR, is provisioned", () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 20 }), fc.subarray(refs), (entries, sent) => {
        const answers = read(entries, sent);
        const wire = JSON.parse(JSON.stringify(entries)) as { ref?: unknown; status?: unknown }[];
        const says = (ref: string, status: string): boolean =>
          wire.some((entry) => entry?.ref === ref && entry.status === status);
        for (const [ref, answer] of answers) {
          expect(sent).toContain(ref);
          const provisioned = says(ref, "SUCCESS") && !says(ref, "ERROR");
          expect(answer.outcome === "provisioned" && !provisioned).toBe(false);
          expect(answer.outcome === "refused" && !says(ref, "ERROR")).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("the order of well-formed entries does not matter to who is provisioned", () => {
    fc.assert(
      fc.property(
        fc
          .array(entry, { maxLength: 12 })
          .chain((entries) =>
            fc.tuple(fc.constant(entries), fc.shuffledSubarray(entries, { minLength: entries.length })),
          ),
        ([entries, shuffled]) => {
          const outcomes = (all: unknown) =>
            [...read(all, refs)].map(([ref, { outcome }]) => `${ref} ${outcome}`).sort();
          expect(outcomes(shuffled)).toEqual(outcomes(entries));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("a text of the callee becomes at most 200 printable characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (message) => {
        const answer = read([{ ref: "a", status: "ERROR", message }], ["a"]).get("a");
        expect(answer?.outcome === "refused" ? answer.message : "").toMatch(/^[\x20-\x7e]{1,200}$/);
      }),
    );
  });
});
