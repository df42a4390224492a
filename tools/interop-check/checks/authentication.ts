import type { HttpAnswer } from "../../../interop/caller/http.ts";
import { AUTH_MESSAGES } from "../../../interop/protocol/messages.ts";
import type { Check, Need } from "../check.ts";
import { basicHeader } from "../credentials.ts";
import { failed, type Finding, passed, warned } from "../finding.ts";
import { FORGERIES } from "../forgeries.ts";
import type { Subject } from "../subject.ts";

const INFO = { action: "info" };

/** A request with this Authorization header must be refused; the text of the 401 should be v1's, if it has one. */
function refusal(
  name: string,
  what: string,
  header: string | undefined | ((subject: Subject) => string),
  more: { text?: string; needs?: readonly Need[]; body?: object } = {},
): Check {
  return {
    name: `authentication.${name}`,
    level: "must",
    expected: `401${more.text === undefined ? "" : ` (${more.text})`} to ${what}`,
    where: "who-is-calling",
    ...(more.needs === undefined ? {} : { needs: more.needs }),
    async run(subject) {
      const authorization = typeof header === "function" ? header(subject) : header;
      const answer = await subject.postAs(authorization, more.body ?? INFO);
      return judge(subject, answer, more.text);
    },
  };
}

function judge(subject: Subject, answer: HttpAnswer, text: string | undefined): Finding {
  const { status } = answer;
  // Gateways with an authoriser say 403; Certferry reads it alike.
  if (status !== 401 && status !== 403) return failed(subject.show(answer));
  const said = errorText(answer);
  if (status === 401 && said !== undefined && (text === undefined || said === text)) return passed("401");
  const wanted = JSON.stringify({ error: text ?? "..." });
  return warned(`${subject.show(answer)}: refused, though not as v1 says it (401 with ${wanted})`);
}

function errorText({ body }: HttpAnswer): string | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}

const bearer = { needs: ["bearer"] } as const;
const basic = { needs: ["basic"] } as const;
const userOf = ({ options }: Subject): { username: string; password: string } => {
  const { credentials } = options;
  if (credentials.kind !== "basic") throw new TypeError("not held without basic credentials");
  return credentials;
};

export const AUTHENTICATION: readonly Check[] = [
  refusal("missing", "a request without Authorization", undefined, { text: AUTH_MESSAGES.missingHeader }),
  refusal("missing-for-provision", "provision without Authorization", undefined, {
    body: { action: "provision", certs: [] },
  }),
  refusal("one-word", "the header Bearer alone", "Bearer", { ...bearer, text: AUTH_MESSAGES.notTwoWords }),
  refusal("three-words", "the header Bearer a b", "Bearer a b", {
    ...bearer,
    text: AUTH_MESSAGES.notTwoWords,
  }),
  refusal("other-scheme", "basic credentials", basicHeader("user", "password"), {
    ...bearer,
    text: AUTH_MESSAGES.notBearer,
  }),
  refusal("no-token", "a bearer token that is none", "Bearer interop-check", {
    ...bearer,
    text: AUTH_MESSAGES.notVerified,
  }),
  ...FORGERIES.map(({ name, what, level, make }): Check => ({
    name: `authentication.${name}`,
    level,
    expected: `401 (${AUTH_MESSAGES.notVerified}) to ${what}`,
    where: "who-is-calling",
    needs: ["bearer"],
    async run(subject) {
      const { credentials } = subject.options;
      if (credentials.kind !== "bearer") throw new TypeError("not held without a signing key");
      let finding = passed("401");
      for (const token of await make(credentials.key, credentials.audience)) {
        const answer = await subject.postAs(`Bearer ${token}`, INFO);
        const next = judge(subject, answer, AUTH_MESSAGES.notVerified);
        if (next.verdict === "fail") return level === "must" ? next : warned(`${next.came}: it is let in`);
        if (next.verdict === "warn") finding = next;
      }
      return finding;
    },
  })),
  refusal("other-scheme-basic", "a bearer token", "Bearer interop-check", basic),
  refusal(
    "wrong-password",
    "another password",
    (subject) => basicHeader(userOf(subject).username, `${userOf(subject).password}x`),
    basic,
  ),
  refusal("no-password", "no password", (subject) => basicHeader(userOf(subject).username, ""), basic),
  refusal(
    "wrong-user",
    "another user with the right password",
    (subject) => basicHeader(`${userOf(subject).username}x`, userOf(subject).password),
    basic,
  ),
];
