import { readStatus } from "../../../interop/caller/answers.ts";
import type { Check } from "../check.ts";
import type { Entry } from "../entries.ts";
import { failed, type Finding, passed, warned } from "../finding.ts";
import type { Sample } from "../samples.ts";
import type { Subject } from "../subject.ts";
import { NO_OTHERS, takesOthers } from "./provision.ts";

/** Two certificates of one serial number: v1 says SUCCESS to both, and loses one of the devices. */
export const COLLISIONS: readonly Check[] = [
  {
    name: "provision.collision",
    level: "must",
    expected: "no SUCCESS for a certificate whose device's name is another certificate's",
    where: "distinct-names",
    needs: ["writes"],
    async run(subject) {
      const [first, second] = await subject.samples.twins();
      const before = await subject.askOne("provision", first);
      if (!takesOthers(subject, before)) return NO_OTHERS;
      if (before.outcome !== "success") return failed(`the first of them: ${before.shown}`);
      return judgeSecond(subject, first, second, await subject.askOne("provision", second));
    },
  },
  {
    name: "provision.collision-at-once",
    level: "must",
    expected: "an entry for each of two certificates of one serial number in one request",
    where: "distinct-names",
    needs: ["writes"],
    async run(subject) {
      const twins = await subject.samples.twins();
      const entries = await subject.ask(
        "provision",
        twins.map((of) => ({ ref: of.device, of })),
      );
      const [one, other] = twins.map(({ device }) => entries.of(device));
      if (one?.length === 1 && other?.length === 1) {
        const both = [...one, ...other];
        if (subject.samples.given.length > 0 && both.every(({ outcome }) => outcome === "error"))
          return NO_OTHERS;
        return passed(both.map(({ outcome }) => outcome).join(" and "));
      }
      const came = twins.map(({ device }) => entries.show(device)).join("; ");
      return beyondV1(subject) ? failed(came) : warned(`${came}: a device without an entry comes again`);
    },
  },
  {
    name: "codes.collision",
    level: "must",
    expected:
      "code ExistsWithAnotherCertificate, not retryable, for the second certificate of a serial number",
    where: "codes",
    needs: ["writes", "codes"],
    async run(subject) {
      const [first, second] = await subject.samples.twins();
      if (!takesOthers(subject, await subject.askOne("provision", first))) return NO_OTHERS;
      const entry = await subject.askOne("provision", second);
      if (entry.outcome === "success") return passed("both are let in");
      const fits = entry.code === "ExistsWithAnotherCertificate" && entry.retryable === false;
      return fits ? passed(entry.shown) : failed(entry.shown);
    },
  },
  {
    name: "distinct-names.both",
    level: "must",
    expected: "SUCCESS for both certificates of one serial number",
    where: "distinct-names",
    needs: ["writes", "distinct-names"],
    async run(subject) {
      const twins = await subject.samples.twins();
      const entries = await Promise.all(twins.map((twin) => subject.askOne("provision", twin)));
      if (subject.samples.given.length > 0 && entries.every(({ outcome }) => outcome === "error"))
        return NO_OTHERS;
      const refused = entries.find(({ outcome }) => outcome === "error");
      return refused === undefined ? passed("both are let in") : failed(refused.shown);
    },
  },
];

async function judgeSecond(subject: Subject, first: Sample, second: Sample, entry: Entry): Promise<Finding> {
  if (entry.outcome === "error") return passed(entry.shown);
  if (subject.offers.has("distinct-names")) return passed("SUCCESS: devices have names of their own");
  if (subject.offers.has("status")) {
    const names = await Promise.all([first, second].map((each) => nameOfAttached(subject, each)));
    if (names[0] !== names[1] && !names.includes(undefined)) {
      return warned("both are let in under names of their own: offer distinct-names, so that callers know");
    }
  }
  const came = "SUCCESS for both: if a device is named by its serial number, one of them is lost";
  return beyondV1(subject) ? failed(came) : warned(came);
}

/** What a device is called that is in and complete; nothing for another. */
async function nameOfAttached(subject: Subject, sample: Sample): Promise<string | undefined> {
  const { raw, outcome } = await subject.askOne("status", sample);
  const status = outcome === "success" ? readStatus(raw) : undefined;
  return status?.attached === true && status.differs.length === 0 ? status.name : undefined;
}

/** Stacks in the field do as v1 does; who offers more is expected to lose no device. */
function beyondV1(subject: Subject): boolean {
  return subject.offers.size > 0;
}
