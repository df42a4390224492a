import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { readSamples } from "./samples.ts";
import { type CalleeSetup, check, named, startCallee } from "./testing/callee.ts";
import { answers, each, entries, isSigned, letsIn } from "./testing/wraps.ts";

const now = (): number => Date.now() / 1000;

/** Callees that do all that they must, though not all that they should. */
const LENIENT: readonly (readonly [string, CalleeSetup, readonly string[]])[] = [
  [
    "refuses with 403, as a gateway with an authoriser does",
    {
      wrap: (callee) => async (request) => {
        const answer = await callee(request);
        return answer.status === 401 ? Response.json({ message: "Forbidden" }, { status: 403 }) : answer;
      },
    },
    [
      "authentication.missing",
      "authentication.one-word",
      "authentication.alg-none",
      "authentication.expired",
    ],
  ],
  [
    "takes tokens for several clouds, without an end and from the future, as stacks in the field do",
    {
      wrap: letsIn(async (token) => {
        const { aud, exp, nbf } = token.claims;
        const fits = Array.isArray(aud) ? aud.includes("123456789012") : aud === "123456789012";
        return (
          fits && nbf === undefined && (exp === undefined || Number(exp) > now()) && (await isSigned(token))
        );
      }),
    },
    ["authentication.never-expires", "authentication.audience-list", "authentication.from-the-future"],
  ],
  [
    "speaks v1 and loses devices of one serial number",
    { capabilities: [], collisions: "as-v1" },
    ["provision.collision"],
  ],
  [
    "speaks v1 and answers for one device of a serial number",
    { capabilities: [], wrap: entries("provision", (list) => (list.length === 2 ? list.slice(1) : list)) },
    ["provision.collision-at-once"],
  ],
  [
    "refuses in words of its own",
    {
      wrap: each("provision", (entry) => (entry.status === "ERROR" ? { ...entry, message: "nope" } : entry)),
    },
    ["provision.bad-among-good", "provision.expired", "provision.not-yet-valid", "codes.known"],
  ],
  [
    "names codes that nobody knows, and tells codes to whoever speaks v1",
    {
      wrap: each("provision", (entry) =>
        entry.status === "ERROR"
          ? { retryable: false, ...entry, code: entry["code"] === undefined ? "X" : "Mine" }
          : entry,
      ),
      collisions: "as-v1",
      names: "<fingerprint>",
    },
    ["codes.undecodable", "codes.expired", "codes.known", "codes.only-when-asked"],
  ],
  [
    "says more than it has to",
    { wrap: each("provision", (entry) => ({ ...entry, colour: "red" })) },
    ["provision.members"],
  ],
  [
    "takes no large requests",
    {
      wrap: answers((_body, request) =>
        Number(request.headers.get("content-length")) > 10 * 1024 * 1024
          ? Response.json({ message: "Request Too Long" }, { status: 413 })
          : undefined,
      ),
    },
    ["requests.large"],
  ],
  [
    "refuses bad requests with 422",
    {
      wrap: (callee) => async (request) => {
        const answer = await callee(request);
        return answer.status === 400 ? new Response("unprocessable", { status: 422 }) : answer;
      },
    },
    ["requests.empty", "requests.no-base64", "requests.error-text"],
  ],
  [
    "answers whatever is asked for with 200",
    { wrap: answers((_body, request) => (request.method === "GET" ? new Response("<html>") : undefined)) },
    ["address.unknown-route"],
  ],
];

describe("a callee conforms, with a warning, that", () => {
  it.each(LENIENT)("%s", async (_what, setup, warnings) => {
    await using callee = await startCallee(setup);
    const groups = [...new Set(warnings.map((name) => name.split(".")[0] ?? ""))];
    const outcome = await check(callee, { only: groups });
    expect(named(outcome, "fail")).toEqual([]);
    expect(outcome.conforms).toBe(true);
    expect(named(outcome, "warn")).toEqual(expect.arrayContaining([...warnings]));
  });
});

describe("what a callee is given time for", () => {
  it("asks again where it is throttled, and where a device failed in passing", async () => {
    let requests = 0;
    let failures = 0;
    await using callee = await startCallee({
      wrap: (callee) => (request) => {
        requests += 1;
        return requests % 3 === 0
          ? Response.json({ message: "Too Many Requests" }, { status: 429, headers: { "retry-after": "0" } })
          : callee(request);
      },
      change: (registry) => ({
        provision: async (certificates, call) => {
          const answered = await registry.provision(certificates, call);
          const [first] = certificates;
          if (certificates.length === 1 || first === undefined || failures > 0) return answered;
          failures += 1;
          const throttled = {
            ref: first.ref,
            status: "ERROR" as const,
            code: "Throttled" as const,
            retryable: true,
          };
          return [{ ...throttled, message: "Failed creating and registering thing" }, ...answered.slice(1)];
        },
      }),
    });
    const outcome = await check(callee);
    expect(outcome.results.filter(({ verdict }) => verdict === "fail")).toEqual([]);
    expect(failures).toBe(1);
  });

  it("looks again at a status that takes a moment", async () => {
    let asked = 0;
    await using callee = await startCallee({
      wrap: each("status", (entry) => {
        asked += 1;
        return asked === 1 ? { ...entry, present: false, differs: ["Missing"] } : entry;
      }),
    });
    expect(named(await check(callee, { only: ["status.in"] }), "pass")).toContain("status.in");
  });
});

describe("where no callee answers", () => {
  const first = async (url: string, timeoutMs = 2000) => {
    await using callee = await startCallee();
    const outcome = await check({ url, credentials: callee.credentials }, { timeoutMs });
    expect(outcome.conforms).toBe(false);
    expect(new Set(outcome.results.slice(1).map(({ verdict }) => verdict))).toEqual(
      new Set(["not applicable"]),
    );
    return outcome.results[0];
  };

  it("is told that nobody listens", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect((await first(`http://127.0.0.1:${port}/interop`))?.came).toContain("refused the connection");
  });

  it.each([
    ["a web page", () => new Response("<html>hello"), "with a web page"],
    [
      "a redirect",
      () => Response.redirect("http://127.0.0.1:9/elsewhere"),
      "a redirect, which is not followed",
    ],
    [
      "the gateway's own refusal",
      () => Response.json({ message: "Forbidden" }, { status: 403 }),
      "API Gateway ID and the stage",
    ],
    ["another's 401", () => Response.json({ error: "who are you" }, { status: 401 }), "who are you"],
    ["silence", () => new Promise<Response>(() => undefined), "no answer within 0.3 s"],
  ])("is told of %s", async (_what, answer, came) => {
    await using callee = await startCallee({ wrap: () => () => answer() });
    const result = await first(callee.url, 300);
    expect(result).toMatchObject({ name: "address.info", verdict: "fail" });
    expect(result?.came).toContain(came);
  });
});

it("shows nothing of what it was sent to prove who is calling", async () => {
  const basic = { username: "ferry", password: "correct horse" };
  for (const setup of [{}, { basic }]) {
    await using callee = await startCallee({
      ...setup,
      wrap: () => (request) => {
        const header = request.headers.get("authorization") ?? "";
        const [, secret = ""] = header.split(" ");
        const plain = Buffer.from(secret, "base64").toString();
        return new Response(`you sent ${secret.slice(0, 30)}: "${header}", that is ${plain}`, {
          status: 500,
        });
      },
    });
    const outcome = await check(callee);
    const shown = outcome.results.map(({ came }) => came).join("\n");
    expect(shown).toContain("500 with you sent");
    expect(shown).not.toMatch(/eyJ|correct horse|Zmvycnk/i);
    for (const { came } of outcome.results) expect(came.length).toBeLessThan(400);
  }
});

it("says what is wrong with a file of certificates", () => {
  expect(() => readSamples("hello")).toThrow("no certificate in it");
  expect(() => readSamples("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")).toThrow(
    "certificate 1 cannot be read",
  );
});
