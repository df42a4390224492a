import { ENTRY_MESSAGES } from "../../../interop/protocol/messages.ts";
import { isEntryCode, REFUSALS, type EntryCode } from "../../../interop/protocol/refusals.ts";
import type { Check } from "../check.ts";
import type { Entry } from "../entries.ts";
import { failed, type Finding, passed, warned } from "../finding.ts";
import { CHECK_BATCH, type Sample } from "../samples.ts";
import type { Subject } from "../subject.ts";
import { one } from "./provision.ts";

const NO_CERTIFICATE = "hello";

/** `code` and `retryable` of an ERROR entry, as the table of codes has them. */
function hasCode(entry: Entry, expected: EntryCode): Finding {
  if (entry.outcome === "success") return failed(`it is let in: ${entry.shown}`);
  const { code, retryable } = entry.raw;
  if (typeof code !== "string" || typeof retryable !== "boolean") return failed(entry.shown);
  // Which devices come again and again is decided by this.
  if (retryable !== REFUSALS[expected].retryable) return failed(entry.shown);
  return code === expected ? passed(entry.shown) : warned(`${entry.shown}: ${expected} says more`);
}

function coded(
  name: string,
  what: string,
  code: EntryCode,
  make: (subject: Subject) => Promise<Sample | string>,
): Check {
  return {
    name: `codes.${name}`,
    level: "must",
    expected: `code ${code}, retryable ${REFUSALS[code].retryable}, for ${what}`,
    where: "codes",
    needs: ["writes", "codes"],
    run: async (subject) => hasCode(await subject.askOne("provision", await make(subject)), code),
  };
}

export const BATCH_AND_CODES: readonly Check[] = [
  {
    name: "batch.taken",
    level: "must",
    expected: "SUCCESS for a certificate with its batch and device",
    where: "batch-and-device",
    needs: ["writes", "batch"],
    async run(subject) {
      await subject.letIn([await one(subject)]);
      return passed("SUCCESS");
    },
  },
  {
    name: "batch.checked",
    level: "should",
    expected: "400 to a batch that is no text",
    where: "batch-and-device",
    needs: ["batch"],
    async run(subject) {
      const answer = await subject.post({ action: "provision", batch: { id: CHECK_BATCH }, certs: [] });
      return answer.status === 400 ? passed("400") : warned(subject.show(answer));
    },
  },
  coded("undecodable", "what is no certificate", "CertificateUndecodable", () =>
    Promise.resolve(NO_CERTIFICATE),
  ),
  coded("expired", "a certificate that has expired", "ValidityOutOfRange", (subject) =>
    subject.samples.expired(),
  ),
  {
    name: "codes.known",
    level: "should",
    expected: "codes of the table, and v1's texts beside them",
    where: "codes",
    needs: ["writes", "codes"],
    async run(subject) {
      const entry = await subject.askOne("provision", NO_CERTIFICATE);
      if (entry.outcome === "success") return failed(entry.shown);
      const known = entry.code !== undefined && isEntryCode(entry.code);
      const fits = known && entry.message === ENTRY_MESSAGES.certificateUndecodable;
      return fits ? passed(entry.shown) : warned(entry.shown);
    },
  },
  {
    name: "codes.only-when-asked",
    level: "should",
    expected: "no code and no retryable for a caller that speaks v1",
    where: "codes",
    needs: ["writes", "codes"],
    async run(subject) {
      const { raw, shown } = await subject.askOne("provision", NO_CERTIFICATE, { plain: true });
      return "code" in raw || "retryable" in raw ? warned(shown) : passed(shown);
    },
  },
];
