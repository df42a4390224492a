import { readInfo } from "../../../interop/caller/answers.ts";
import { explainStatus } from "../../../interop/caller/status.ts";
import type { HttpAnswer } from "../../../interop/caller/http.ts";
import { isCapability } from "../../../interop/protocol/capabilities.ts";
import type { Check } from "../check.ts";
import { failed, type Finding, notApplicable, passed, warned } from "../finding.ts";
import type { Subject } from "../subject.ts";

/** Asked first: who does not answer this is no callee, and nothing else can be held against it. */
export const INFO: Check = {
  name: "address.info",
  level: "must",
  expected: '200 with {"action":"info","compatibilityVersion":1}',
  where: "answers",
  async run(subject) {
    const answer = await subject.post({ action: "info" });
    const { url, credentials } = subject.options;
    const { host } = new URL(url);
    if (answer.status !== 200) {
      const { message } = explainStatus(answer, { host, auth: credentials.kind, now: Date.now() });
      return failed(`${message}. It said ${subject.show(answer)}`);
    }
    const info = readInfo(answer, host);
    subject.learn(info);
    const offered = info.capabilities.length === 0 ? "nothing beyond v1" : info.capabilities.join(", ");
    return passed(`version ${info.compatibilityVersion}, ${offered}`);
  },
};

export const ADDRESS: readonly Check[] = [
  {
    name: "address.https",
    level: "should",
    expected: "an address that begins with https://",
    where: "the-address",
    run: ({ options }) =>
      Promise.resolve(
        options.url.startsWith("https://")
          ? passed("https")
          : warned("http: tokens, passwords and what is answered can be read and changed on the way"),
      ),
  },
  {
    name: "address.content-type",
    level: "should",
    expected: "Content-Type: application/json",
    where: "answers",
    async run(subject) {
      const { headers } = await subject.post({ action: "info" });
      const type = String(headers["content-type"] ?? "none");
      return /^application\/json\b/i.test(type) ? passed(type) : warned(subject.showText(type));
    },
  },
  {
    name: "address.capabilities",
    level: "must",
    expected: "capabilities, if it is there, is a list of names",
    where: "capabilities",
    async run(subject) {
      const answer = await subject.post({ action: "info" });
      const { capabilities } = JSON.parse(answer.body) as { capabilities?: unknown };
      if (capabilities === undefined) return passed("nothing beyond v1 is offered");
      const isList = Array.isArray(capabilities) && capabilities.every((each) => typeof each === "string");
      if (!isList) return failed(subject.showText(JSON.stringify({ capabilities })));
      const strange = capabilities.filter((name) => !isCapability(name));
      return strange.length === 0
        ? passed(subject.showText(capabilities.join(", ") || "an empty list"))
        : warned(`Certferry knows no ${subject.showText(strange.join(", "))}, and does not use it`);
    },
  },
  {
    name: "address.unknown-route",
    level: "should",
    expected: "404 to a path that does not exist",
    where: "the-address",
    async run(subject) {
      const answer = await subject.get(besides(subject, "certferry-interop-check-nowhere"), true);
      return isNotThere(answer) ? passed(String(answer.status)) : warned(subject.show(answer));
    },
  },
  {
    name: "address.liveness",
    level: "should",
    expected: "200 OK to GET / beside /interop, without credentials; need not be there",
    where: "the-address",
    async run(subject) {
      const answer = await subject.get(besides(subject, ""), false);
      if (isNotThere(answer)) return notApplicable("GET / is not served, and need not be");
      return answer.status === 200 ? passed("200") : warned(subject.show(answer));
    },
  },
  {
    name: "address.auth",
    level: "must",
    expected: "200 to GET /auth with good credentials and 401 without; need not be there",
    where: "the-address",
    run: authProbe,
  },
];

async function authProbe(subject: Subject): Promise<Finding> {
  const good = await subject.get(besides(subject, "auth"), true);
  if (isNotThere(good)) return notApplicable("GET /auth is not served, and need not be");
  const nowhere = await subject.get(besides(subject, "certferry-interop-check-nowhere"), true);
  if (!isNotThere(nowhere)) return notApplicable("whatever is asked for is answered, so /auth says nothing");
  const without = await subject.get(besides(subject, "auth"), false);
  if (without.status === 200) return failed(`without credentials: ${subject.show(without)}`);
  if (good.status !== 200) return failed(`with good credentials: ${subject.show(good)}`);
  return without.status === 401 ? passed("200, and 401") : warned(`without: ${subject.show(without)}`);
}

/** An address beside the one that is posted to: `/auth` where that is `/interop`. */
function besides({ options }: Subject, name: string): string {
  const url = new URL(options.url);
  url.search = "";
  url.pathname = url.pathname.replace(/[^/]*$/, name);
  return url.href;
}

/** API Gateway answers 403 where it has no route. */
function isNotThere({ status }: HttpAnswer): boolean {
  return status === 404 || status === 403 || status === 405;
}
