import { readStatus, type StatusAnswer } from "../../../interop/caller/answers.ts";
import type { Check } from "../check.ts";
import { failed, type Finding, passed, Unexpected, warned } from "../finding.ts";
import type { Sample } from "../samples.ts";
import type { Subject } from "../subject.ts";
import { NO_OTHERS, one, takesOthers } from "./provision.ts";

type Known = Extract<StatusAnswer, { outcome: "known" }>;

/** How a certificate stands. @throws Unexpected when its entry is an ERROR */
export async function statusOf(subject: Subject, sample: Sample): Promise<{ known: Known; shown: string }> {
  const entry = await subject.askOne("status", sample);
  const known = entry.outcome === "success" ? readStatus(entry.raw) : undefined;
  if (known === undefined) throw new Unexpected(entry.shown);
  return { known, shown: entry.shown };
}

/** Whether a certificate's status is, or is in a moment, as it should be. */
export async function settles(
  subject: Subject,
  sample: Sample,
  isSo: (known: Known) => boolean,
): Promise<Finding> {
  let last = "";
  const so = await subject.eventually(async () => {
    const { known, shown } = await statusOf(subject, sample);
    last = shown;
    return isSo(known);
  });
  return so ? passed(last) : failed(last);
}

export const isIn = ({ present, active, attached, differs }: Known): boolean =>
  present && active && attached && differs.length === 0;

export const isOut = ({ present, differs }: Known): boolean => !present && differs.includes("Missing");

export const STATUS: readonly Check[] = [
  {
    name: "status.in",
    level: "must",
    expected: "present, active, attached, and an empty differs for a certificate that was let in",
    where: "status",
    needs: ["writes", "status"],
    async run(subject) {
      const sample = await one(subject);
      await subject.letIn([sample]);
      return settles(subject, sample, isIn);
    },
  },
  {
    name: "status.members",
    level: "should",
    expected: "name, present, active, attached, policyApplied and differs, each of its type",
    where: "status",
    needs: ["writes", "status"],
    async run(subject) {
      const sample = await one(subject);
      await subject.letIn([sample]);
      const { raw, shown } = await subject.askOne("status", sample);
      const flags = ["present", "active", "attached", "policyApplied"];
      const fits =
        (raw["name"] === null || typeof raw["name"] === "string") &&
        flags.every((flag) => typeof raw[flag] === "boolean") &&
        Array.isArray(raw["differs"]);
      return fits ? passed("as it should be") : warned(shown);
    },
  },
  {
    name: "status.unknown",
    level: "must",
    expected:
      "not present, and Missing in differs, for a certificate that was never sent; asking puts nothing in",
    where: "status",
    needs: ["status"],
    async run(subject) {
      const sample = await subject.samples.mint();
      const first = await subject.askOne("status", sample);
      if (!takesOthers(subject, first)) return NO_OTHERS;
      for (let asked = 1; asked <= 2; asked += 1) {
        const { known, shown } = await statusOf(subject, sample);
        if (!isOut(known)) return failed(shown);
      }
      return passed(first.shown);
    },
  },
  {
    name: "status.expired",
    level: "must",
    expected: "an answer for a certificate that has expired, too",
    where: "status",
    needs: ["status"],
    async run(subject) {
      const entry = await subject.askOne("status", await subject.samples.expired());
      if (!takesOthers(subject, entry)) return NO_OTHERS;
      return entry.outcome === "success" ? passed(entry.shown) : failed(entry.shown);
    },
  },
  {
    name: "status.undecodable",
    level: "must",
    expected: "ERROR for what is no certificate",
    where: "status",
    needs: ["status"],
    async run(subject) {
      const entry = await subject.askOne("status", "hello");
      return entry.outcome === "error" ? passed(entry.shown) : failed(entry.shown);
    },
  },
  {
    name: "status.other-of-the-serial",
    level: "must",
    expected:
      "not present for a certificate whose device's name is another certificate's, with that in differs",
    where: "status",
    needs: ["writes", "status"],
    async run(subject) {
      const [first, second] = await subject.samples.twins();
      if (!takesOthers(subject, await subject.askOne("provision", first))) return NO_OTHERS;
      const { known, shown } = await statusOf(subject, second);
      if (!isOut(known)) return failed(shown);
      const said = known.differs.includes("ExistsWithAnotherCertificate");
      return said || subject.offers.has("distinct-names") ? passed(shown) : warned(shown);
    },
  },
];
