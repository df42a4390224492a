import type { StatusAnswer } from "../../../interop/caller/caller.ts";
import type { RefusalCode } from "../../../interop/caller/refusal.ts";

/** What an answer to `status` says of one device. */
export type Standing =
  | {
      readonly told: true;
      /** The cloud knows this certificate and lets it in. */
      readonly active: boolean;
      /** What `provision` would have to mend, in the protocol's words; empty: nothing. */
      readonly differs: readonly string[];
    }
  | {
      readonly told: false;
      /** The cloud was too busy, or had no time: it is asked again. Otherwise it cannot tell, now or in a while. */
      readonly again: "busy" | "late" | undefined;
      readonly reason: string;
      readonly message: string;
    };

/** Refusals that say how the device stands: one that cannot be read or named, or whose name is taken, is not in. */
const NOT_IN: ReadonlySet<RefusalCode> = new Set([
  "CertificateUndecodable",
  "SerialUnusable",
  "NameUnusable",
  "ThumbprintFailed",
  "ExistsWithAnotherCertificate",
]);

/** @param answer undefined when the callee left the device out: that says nothing, and it is asked again. */
export function standingOf(answer: StatusAnswer | undefined): Standing {
  if (answer === undefined) {
    return { told: false, again: "late", reason: "NoAnswer", message: "the cloud's answer left devices out" };
  }
  if (answer.outcome === "known") {
    const { present, active } = answer;
    const stands = present && active;
    const differs = [...answer.differs];
    if (!stands && differs.length === 0) differs.push(present ? "Inactive" : "Missing");
    return { told: true, active: stands, differs };
  }
  const { code, message, hiddenThrottle } = answer;
  if (NOT_IN.has(code)) return { told: true, active: false, differs: [code] };
  const busy = code === "Throttled" || (hiddenThrottle && code !== "OutOfTime");
  const again = code === "OutOfTime" ? "late" : busy ? "busy" : undefined;
  return { told: false, again, reason: code, message };
}
