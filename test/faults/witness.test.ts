import { describe, expect, it } from "vitest";
import type { AuditedWrite } from "./audit.ts";
import type { Standstill } from "./operators.ts";
import { judgeOperators, type Witnessed } from "./witness.ts";

const AT = 1_000_000;

function life(name: string, more: Partial<Omit<Witnessed, "process">> = {}, lastWords = ""): Witnessed {
  return {
    name,
    led: [],
    standstills: [],
    oddities: [],
    ordered: "SIGTERM",
    standing: false,
    ending: { code: 0, signal: null },
    endedAt: AT,
    ...more,
    process: { lastWords: () => lastWords },
  };
}

function write(by: string, at: number): AuditedWrite {
  return { by, what: "update provisioningledgers d001.0", at };
}

async function verdictOn(lives: readonly Witnessed[], writes: readonly AuditedWrite[]): Promise<string[]> {
  return judgeOperators(lives, { writes: () => Promise.resolve([...writes]) });
}

describe("the witness of operators", () => {
  it("has nothing to say of orderly ends", async () => {
    const lives = [
      life("a"),
      life("b", { ordered: "SIGKILL", ending: { code: null, signal: "SIGKILL" } }),
      life(
        "c",
        { ordered: undefined, ending: { code: 1, signal: null } },
        "the lease was not renewed for 10000 ms",
      ),
    ];
    expect(await verdictOn(lives, [write("a", AT)])).toEqual([]);
  });

  it.each<[string, Witnessed, RegExp]>([
    [
      "a crash",
      life("a", { ordered: undefined, ending: { code: 1, signal: null } }, "TypeError: x"),
      /nobody had told/,
    ],
    ["a bad end when told to end", life("a", { ending: { code: 1, signal: null } }), /exit code 1, SIGTERM/],
    [
      "a line that is no log",
      life("a", { oddities: ["(node:1) MaxListenersExceededWarning"] }),
      /MaxListeners/,
    ],
  ])("tells of %s", async (_what, one, told) => {
    expect(await verdictOn([one], [write("a", AT)])).toEqual([expect.stringMatching(told)]);
  });

  it("tells of an audit log that says nothing, for then it would miss everything", async () => {
    expect(await verdictOn([life("a")], [])).toEqual([expect.stringContaining("audit log")]);
  });

  describe("of a leader that stood still", () => {
    const still = (ms: number): Standstill => ({ from: AT, to: AT + ms, led: true });
    const successor = life("b", { led: [AT + 16_000] });

    it("tells what it wrote after it woke beside its successor", async () => {
      const lives = [life("a", { led: [AT - 5_000], standstills: [still(18_000)] }), successor];
      const writes = [write("a", AT - 1_000), write("b", AT + 17_000)];
      expect(await verdictOn(lives, writes)).toEqual([]);
      expect(await verdictOn(lives, [...writes, write("a", AT + 18_005)])).toEqual([
        expect.stringMatching(/^a wrote 1 times after it woke .* \(5 ms after\)/),
      ]);
    });

    it("lets it write where nobody else led meanwhile", async () => {
      const lives = [life("a", { led: [AT - 5_000], standstills: [still(4_000)] }), successor];
      expect(await verdictOn(lives, [write("a", AT + 5_000)])).toEqual([]);
    });
  });
});
