import { readDeprovisioned } from "../../../interop/caller/answers.ts";
import type { Check } from "../check.ts";
import type { Entry } from "../entries.ts";
import { failed, type Finding, notApplicable, passed, warned } from "../finding.ts";
import type { Sample } from "../samples.ts";
import type { Subject } from "../subject.ts";
import { NO_OTHERS, one, takesOthers } from "./provision.ts";
import { isIn, isOut, settles } from "./status.ts";

function wasThere(entry: Entry): boolean | undefined {
  return entry.outcome === "success" ? readDeprovisioned(entry.raw)?.wasThere : undefined;
}

async function takeOut(subject: Subject, sample: Sample): Promise<Finding> {
  const entry = await subject.askOne("deprovision", sample);
  if (entry.outcome === "error") return failed(entry.shown);
  return wasThere(entry) === true
    ? passed(entry.shown)
    : warned(`${entry.shown}: it was in, so removed is true`);
}

/** SUCCESS with `removed: false`: there was nothing to take out. */
function nothingThere(entry: Entry): Finding {
  if (entry.outcome === "error") return failed(entry.shown);
  return wasThere(entry) === false
    ? passed(entry.shown)
    : warned(`${entry.shown}: nothing was in, so removed is false`);
}

export const DEPROVISION: readonly Check[] = [
  {
    name: "deprovision.removes",
    level: "must",
    expected: "SUCCESS with removed true; then the certificate is not in the registry",
    where: "deprovision",
    needs: ["writes", "deprovision", "removable"],
    async run(subject) {
      const sample = await one(subject);
      await subject.letIn([sample]);
      const out = await takeOut(subject, sample);
      if (out.verdict === "fail" || !subject.offers.has("status")) return out;
      const after = await settles(subject, sample, isOut);
      return after.verdict === "pass" ? out : after;
    },
  },
  {
    name: "deprovision.again",
    level: "must",
    expected: "SUCCESS with removed false when it is repeated",
    where: "deprovision",
    needs: ["writes", "deprovision", "removable"],
    async run(subject) {
      const sample = await one(subject);
      await subject.letIn([sample]);
      await subject.askOne("deprovision", sample);
      return nothingThere(await subject.askOne("deprovision", sample));
    },
  },
  {
    name: "deprovision.unknown",
    level: "must",
    expected: "SUCCESS with removed false for a certificate that was never sent",
    where: "deprovision",
    needs: ["writes", "deprovision"],
    async run(subject) {
      const entry = await subject.askOne("deprovision", await subject.samples.mint());
      return takesOthers(subject, entry) ? nothingThere(entry) : NO_OTHERS;
    },
  },
  {
    name: "deprovision.others-stay",
    level: "must",
    expected: "what was not named stays in",
    where: "deprovision",
    needs: ["writes", "deprovision", "removable"],
    async run(subject) {
      const [sample, other] = await subject.samples.good(2);
      if (sample === undefined || other === undefined) return notApplicable("it takes two certificates");
      await subject.letIn([sample, other]);
      await subject.askOne("deprovision", sample);
      return stillIn(subject, other);
    },
  },
  {
    name: "deprovision.other-of-the-serial",
    level: "must",
    expected: "a device of the same serial number that is another certificate's stays in",
    where: "deprovision",
    needs: ["writes", "deprovision"],
    async run(subject) {
      const [first, second] = await subject.samples.twins();
      if (!takesOthers(subject, await subject.askOne("provision", first))) return NO_OTHERS;
      const entry = await subject.askOne("deprovision", second);
      const stayed = await stillIn(subject, first);
      return stayed.verdict === "pass" ? nothingThere(entry) : stayed;
    },
  },
  {
    name: "deprovision.expired",
    level: "must",
    expected: "SUCCESS for a certificate that has expired: those go out, too",
    where: "deprovision",
    needs: ["writes", "deprovision"],
    async run(subject) {
      const entry = await subject.askOne("deprovision", await subject.samples.expired());
      return takesOthers(subject, entry) ? nothingThere(entry) : NO_OTHERS;
    },
  },
  {
    name: "deprovision.undecodable",
    level: "must",
    expected: "ERROR for what is no certificate",
    where: "deprovision",
    needs: ["writes", "deprovision"],
    async run(subject) {
      const entry = await subject.askOne("deprovision", "hello");
      return entry.outcome === "error" ? passed(entry.shown) : failed(entry.shown);
    },
  },
  {
    name: "deprovision.no-certs",
    level: "must",
    expected: "400 to deprovision without certs: it never means all",
    where: "deprovision",
    needs: ["writes", "deprovision"],
    async run(subject) {
      const answer = await subject.post({ action: "deprovision" });
      return answer.status === 400 ? passed("400") : failed(subject.show(answer));
    },
  },
  {
    name: "deprovision.and-in-again",
    level: "must",
    expected: "SUCCESS for a certificate that is provisioned after it was taken out",
    where: "deprovision",
    needs: ["writes", "deprovision", "removable"],
    async run(subject) {
      const sample = await one(subject);
      await subject.letIn([sample]);
      await subject.askOne("deprovision", sample);
      await subject.letIn([sample]);
      return subject.offers.has("status") ? settles(subject, sample, isIn) : passed("SUCCESS");
    },
  },
];

/** By its status; where that is not offered, by whether there is something to take out. */
async function stillIn(subject: Subject, sample: Sample): Promise<Finding> {
  if (subject.offers.has("status")) return settles(subject, sample, isIn);
  const entry = await subject.askOne("deprovision", sample);
  return wasThere(entry) === true ? passed(entry.shown) : failed(`it is gone: ${entry.shown}`);
}
