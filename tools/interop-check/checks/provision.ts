import { ENTRY_MESSAGES } from "../../../interop/protocol/messages.ts";
import type { Check } from "../check.ts";
import type { Entry } from "../entries.ts";
import { failed, type Finding, notApplicable, passed, warned } from "../finding.ts";
import type { Sample } from "../samples.ts";
import type { Item, Subject } from "../subject.ts";

/** A certificate that must be refused, and in which words it should be. */
export function refusedFor(entry: Entry, message: string): Finding {
  if (entry.outcome === "success") return failed(`it is let in: ${entry.shown}`);
  return entry.message === message ? passed(message) : warned(`${entry.shown}, in other words than v1's`);
}

/** Where the user's own certificates are given, the callee may take no others: then there is nothing to hold. */
export function takesOthers(subject: Subject, entry: Entry): boolean {
  return entry.outcome === "success" || subject.samples.given.length === 0;
}

export const NO_OTHERS = notApplicable("the callee takes none but the certificates given");

/** One certificate that the callee should let in. */
export async function one(subject: Subject): Promise<Sample> {
  const [sample] = await subject.samples.good(1);
  if (sample === undefined) throw new RangeError("no certificate");
  return sample;
}

/** Texts that are no certificate, as PEM would stand there. */
const NO_CERTIFICATES = [
  "hello",
  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  "-----BEGIN CERTIFICATE-----\n",
];

const ODD_REFS = ["0", "007", "a b", "ref/with?odd&signs", "Gerät-1", "__proto__", "r".repeat(200)];

export const PROVISION: readonly Check[] = [
  {
    name: "provision.nothing",
    level: "should",
    expected: "200 with an empty list to provision of an empty list",
    where: "answers",
    async run(subject) {
      const answer = await subject.post({ action: "provision", certs: [] });
      return answer.status === 200 && /^\s*\[\s*\]\s*$/.test(answer.body)
        ? passed("[]")
        : warned(subject.show(answer));
    },
  },
  {
    name: "provision.one",
    level: "must",
    expected: "SUCCESS for a good certificate",
    where: "answers",
    needs: ["writes"],
    async run(subject) {
      await subject.letIn([await one(subject)]);
      return passed("SUCCESS");
    },
  },
  {
    name: "provision.members",
    level: "should",
    expected:
      "endpoint (text or null), topic (text) and policyApplied (true or false) with SUCCESS, nothing else",
    where: "answers",
    needs: ["writes"],
    async run(subject) {
      const sample = await one(subject);
      await subject.letIn([sample]);
      const { raw, shown } = await subject.askOne("provision", sample);
      const { endpoint, topic, policyApplied, ref: _, status: __, ...more } = raw;
      const fits =
        (endpoint === null || typeof endpoint === "string") &&
        typeof topic === "string" &&
        typeof policyApplied === "boolean" &&
        Object.keys(more).length === 0;
      return fits ? passed("as it should be") : warned(shown);
    },
  },
  {
    name: "provision.again",
    level: "must",
    expected: "SUCCESS when a certificate is pushed that is in already",
    where: "requests",
    needs: ["writes"],
    async run(subject) {
      const sample = await one(subject);
      await subject.letIn([sample]);
      const again = await subject.askOne("provision", sample);
      return again.outcome === "success" ? passed("SUCCESS") : failed(again.shown);
    },
  },
  {
    name: "provision.several",
    level: "must",
    expected: "one entry for each certificate of a request, in any order, and no others",
    where: "answers",
    needs: ["writes"],
    async run(subject) {
      const samples = await subject.samples.good(Math.min(10, subject.samples.available));
      await subject.letIn(samples);
      const entries = await subject.ask(
        "provision",
        samples.map((of) => ({ ref: of.device, of })),
      );
      for (const { device } of samples) {
        if (entries.one(device).outcome !== "success") return failed(entries.show(device));
      }
      const strangers = entries.list.length - samples.length;
      return strangers === 0
        ? passed(`${samples.length} entries`)
        : failed(`${strangers} entries for no ref`);
    },
  },
  {
    name: "provision.refs",
    level: "must",
    expected: "each ref comes back unchanged, whatever text it is",
    where: "requests",
    needs: ["writes"],
    async run(subject) {
      const sample = await one(subject);
      await subject.letIn([sample]);
      // One at a time: the same certificate under several refs at once is another question.
      for (const ref of ODD_REFS) (await subject.ask("provision", [{ ref, of: sample }])).one(ref);
      return passed(`${ODD_REFS.length} refs`);
    },
  },
  {
    name: "provision.bad-among-good",
    level: "must",
    expected: `ERROR (${ENTRY_MESSAGES.certificateUndecodable}) for what is no certificate, and the good ones are let in`,
    where: "texts-of-refusals",
    needs: ["writes"],
    run: badAmongGood,
  },
  {
    name: "provision.expired",
    level: "must",
    expected: `ERROR (${ENTRY_MESSAGES.validityOutOfRange}) for a certificate that has expired`,
    where: "texts-of-refusals",
    needs: ["writes"],
    run: async (subject) =>
      refusedFor(
        await subject.askOne("provision", await subject.samples.expired()),
        ENTRY_MESSAGES.validityOutOfRange,
      ),
  },
  {
    name: "provision.not-yet-valid",
    level: "must",
    expected: `ERROR (${ENTRY_MESSAGES.validityOutOfRange}) for a certificate that is not valid yet`,
    where: "texts-of-refusals",
    needs: ["writes"],
    run: async (subject) =>
      refusedFor(
        await subject.askOne("provision", await subject.samples.notYetValid()),
        ENTRY_MESSAGES.validityOutOfRange,
      ),
  },
  {
    name: "provision.rsa",
    level: "should",
    expected: "SUCCESS for a certificate with an RSA key: some chips have one",
    where: "requests",
    needs: ["writes"],
    async run(subject) {
      const entry = await subject.askOne("provision", await subject.samples.mint({ keyType: "RSA-2048" }));
      if (!takesOthers(subject, entry)) return NO_OTHERS;
      return entry.outcome === "success" ? passed("SUCCESS") : warned(entry.shown);
    },
  },
  {
    name: "provision.ref-twice",
    level: "should",
    expected: "one entry or two for a ref that is sent twice",
    where: "answers",
    needs: ["writes"],
    async run(subject) {
      const sample = await one(subject);
      const entries = await subject.ask("provision", [
        { ref: sample.device, of: sample },
        { ref: sample.device, of: sample },
      ]);
      const { length } = entries.of(sample.device);
      return length === 1 || length === 2 ? passed(`${length}`) : warned(entries.show(sample.device));
    },
  },
];

async function badAmongGood(subject: Subject): Promise<Finding> {
  const good = await subject.samples.good(Math.min(2, subject.samples.available));
  const bad = NO_CERTIFICATES.map((of, index): Item => ({ ref: `bad-${index}`, of }));
  const [first, ...rest] = good.map((of): Item => ({ ref: of.device, of }));
  const items = [...(first === undefined ? [] : [first]), ...bad, ...rest];
  let entries = await subject.ask("provision", items);
  await subject.eventually(async () => {
    if (good.every(({ device }) => entries.of(device).some(({ outcome }) => outcome === "success")))
      return true;
    entries = await subject.ask("provision", items);
    return false;
  });
  for (const { device } of good) {
    if (entries.one(device).outcome !== "success") return failed(`a good one: ${entries.show(device)}`);
  }
  const findings = bad.map(({ ref }) => refusedFor(entries.one(ref), ENTRY_MESSAGES.certificateUndecodable));
  const worst = (["fail", "warn"] as const).flatMap((verdict) =>
    findings.filter((each) => each.verdict === verdict),
  );
  return worst[0] ?? passed("ERROR for these, SUCCESS for those");
}
