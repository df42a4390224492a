import { MAX_REQUEST_BYTES, NOT_YET_IMPLEMENTED } from "../../../interop/protocol/messages.ts";
import type { Check } from "../check.ts";
import { failed, passed, warned } from "../finding.ts";

const CERT = "QQ==";

/** A body that does not fit: it must not be answered as if it did, and 400 is the answer. */
function misfit(name: string, what: string, body: string | object, level: Check["level"] = "must"): Check {
  return {
    name: `requests.${name}`,
    level,
    expected: `400 to ${what}`,
    where: "requests",
    async run(subject) {
      const answer = await subject.post(body);
      const { status } = answer;
      if (status === 400) return passed("400");
      if (status > 400 && status < 500) return warned(subject.show(answer));
      // Refusing one entry where v1 refuses the request harms nobody who reads entries.
      const onlyErrors = status === 200 && /"ERROR"/.test(answer.body) && !/"SUCCESS"/.test(answer.body);
      return onlyErrors ? warned(subject.show(answer)) : failed(subject.show(answer));
    },
  };
}

/** The smallest good request, made long by white space, which JSON allows. */
function padded(bytes: number): string {
  const request = '{"action":"info"}';
  return `${request.slice(0, -1)}${" ".repeat(bytes - request.length)}}`;
}

const MIB = 1024 * 1024;

function inert(action: "status" | "message"): Check {
  return {
    name: `requests.${action}`,
    level: "should",
    expected: `200 with {"action":"${action}","message":"${NOT_YET_IMPLEMENTED}"} to ${action} without certs`,
    where: "answers",
    async run(subject) {
      const answer = await subject.post({ action });
      if (answer.status === 200 && answer.body.includes(`"${action}"`)) return passed("200");
      return warned(subject.show(answer));
    },
  };
}

export const REQUESTS: readonly Check[] = [
  misfit("empty", "an empty body", ""),
  misfit("broken-json", "JSON that breaks off", '{"action":"in'),
  misfit("no-object", "JSON that is no object", "[]"),
  misfit("no-action", "a request without action", {}),
  misfit("unknown-action", "an action that does not exist", { action: "interop-check" }),
  misfit("no-certs", "provision without certs", { action: "provision" }),
  misfit("certs-no-list", "certs that is no list", { action: "provision", certs: { ref: "a", cert: CERT } }),
  misfit("entry-no-object", "an entry that is no object", { action: "provision", certs: ["a"] }),
  misfit("no-ref", "an entry without ref", { action: "provision", certs: [{ cert: CERT }] }),
  misfit("no-cert", "an entry without cert", { action: "provision", certs: [{ ref: "a" }] }),
  misfit("no-base64", "a cert that is not base64", {
    action: "provision",
    certs: [{ ref: "a", cert: "no base64!" }],
  }),
  misfit("certs-with-info", "certs with info", { action: "info", certs: [] }, "should"),
  {
    name: "requests.error-text",
    level: "should",
    expected: '{"error":"<message>"} with a 400',
    where: "when-the-whole-request-fails",
    async run(subject) {
      const answer = await subject.post({ action: "interop-check" });
      return /^\s*\{.*"error"\s*:\s*"/s.test(answer.body)
        ? passed("as it should be")
        : warned(subject.show(answer));
    },
  },
  inert("status"),
  inert("message"),
  {
    name: "requests.one-mib",
    level: "must",
    expected: "200 to a request of 1 MiB",
    where: "requests",
    async run(subject) {
      const answer = await subject.post(padded(MIB));
      return answer.status === 200 ? passed("200") : failed(subject.show(answer));
    },
  },
  {
    name: "requests.large",
    level: "should",
    expected: "200 to a request of nearly 25 MB; 413 where something before the callee takes less",
    where: "requests",
    async run(subject) {
      const answer = await subject.post(padded(MAX_REQUEST_BYTES - MIB));
      if (answer.status === 200) return passed("200");
      return warned(`${subject.show(answer)}: Certferry then sends fewer certificates at once`);
    },
  },
  {
    name: "requests.too-large",
    level: "should",
    expected: "413 to a request of more than 25 MB",
    where: "requests",
    async run(subject) {
      const answer = await subject.post(padded(MAX_REQUEST_BYTES + 1));
      return answer.status === 413 ? passed("413") : warned(subject.show(answer));
    },
  },
];
