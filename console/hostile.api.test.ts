import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Site } from "./testing/site.ts";
import type { Visitor } from "./testing/visitor.ts";

const SECRET_BATCH = "HIDDEN-4711";
let site: Site;
let ada: Visitor;

beforeAll(async () => {
  site = await Site.open();
  ada = await site.as("ada");
  await site.field.batch("globex", "theirs", { batchId: SECRET_BATCH });
  await site.field.batch("acme", "ours", { batchId: "OURS-1" });
  await site.field.api("globex", "their-cloud", {
    type: "AWS",
    aws: { accountId: "999999999999", apiGatewayId: "hidden", region: "eu-west-1", stage: "Prod" },
  });
});

afterAll(async () => await site?.close());

/** Every address that takes an account, a name, a body. */
const ENDPOINTS = [
  ["GET", "/api/me"],
  ["GET", "/api/sign-in"],
  ["POST", "/api/sign-in/token"],
  ["POST", "/api/sign-in/known"],
  ["POST", "/api/sign-out"],
  ["GET", "/auth/oidc/start"],
  ["GET", "/auth/oidc/callback"],
  ["GET", "/api/accounts/:account/rights"],
  ["GET", "/api/accounts/:account/batches"],
  ["POST", "/api/accounts/:account/batches"],
  ["GET", "/api/accounts/:account/batches/:name"],
  ["GET", "/api/accounts/:account/batches/:name/timeline"],
  ["GET", "/api/accounts/:account/batches/:name/manifest"],
  ["POST", "/api/accounts/:account/batches/:name/clouds"],
  ["POST", "/api/accounts/:account/batches/:name/provision"],
  ["POST", "/api/accounts/:account/batches/:name/delete"],
  ["GET", "/api/accounts/:account/clouds"],
  ["POST", "/api/accounts/:account/clouds"],
  ["POST", "/api/accounts/:account/clouds/check"],
  ["POST", "/api/accounts/:account/clouds/probe"],
  ["POST", "/api/accounts/:account/clouds/automatic"],
  ["PUT", "/api/accounts/:account/clouds/:name"],
  ["POST", "/api/accounts/:account/clouds/:name/suspend"],
  ["POST", "/api/accounts/:account/clouds/:name/delete"],
  ["GET", "/api/accounts/:account/provisioning"],
  ["GET", "/api/qr/:name"],
] as const;

const segment = fc.oneof(
  fc.constantFrom("acme", "globex", "kube-system", "default", "ours", "theirs", "their-cloud", "none"),
  fc.constantFrom("..", ".", "%2e%2e", "a/b", "..%2fglobex", "acme%2F..%2Fglobex", "acme\0", "ACME", "*", ""),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("x".repeat(300), "d001.svg", "D001.png", "x.svg", "../../etc/passwd.png"),
);
const word = fc.oneof(
  fc.constantFrom(
    "acme",
    "globex",
    "theirs",
    "ours",
    "aws-eu",
    SECRET_BATCH,
    "OURS-1",
    "Retain",
    "AWS",
    "Desktop",
  ),
  fc.string({ unit: "binary", maxLength: 30 }),
);
const value: fc.Arbitrary<unknown> = fc.oneof(
  word,
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(word, { maxLength: 20 }),
  fc.dictionary(word, word, { maxKeys: 4 }),
);
const MEMBERS = [
  "batchId",
  "clouds",
  "from",
  "request",
  "add",
  "remove",
  "confirm",
  "deletionPolicy",
  "cloudApi",
  "suspend",
  "name",
  "type",
  "aws",
  "other",
  "credentials",
  "form",
  "existing",
  "token",
  "id",
  "metadata",
  "__proto__",
];
const body = fc.oneof(
  fc.dictionary(fc.constantFrom(...MEMBERS), value, { maxKeys: 8 }).map((object) => JSON.stringify(object)),
  fc.json(),
  fc.string({ unit: "binary", maxLength: 50 }),
);
const query = fc.oneof(
  fc.constant(""),
  fc
    .dictionary(
      fc.constantFrom("search", "state", "cloud", "sort", "order", "page", "size", "return", "code", "state"),
      word,
      { maxKeys: 4 },
    )
    .map((pairs) => `?${new URLSearchParams(pairs).toString()}`),
);

const hostile = fc.record({
  endpoint: fc.constantFrom(...ENDPOINTS),
  account: segment,
  name: segment,
  body,
  query,
});

describe("whatever is sent", () => {
  it("is answered, never with a fault of the console's own, and with nothing of another account's", async () => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(hostile, async ({ account, body: sent, endpoint, name, query: asked }) => {
        const [method, pattern] = endpoint;
        const path = pattern.replace(":account", encoded(account)).replace(":name", encoded(name)) + asked;
        const answer = await ada.send(path, { method, ...(method === "GET" ? {} : { body: sent }) });
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        const said = `${method} ${path} ${sent}: ${answer.status} ${answer.text.slice(0, 300)}`;
        expect(answer.status, said).not.toBe(500);
        expect(answer.text, said).not.toContain("999999999999");
        const known = sent.includes(SECRET_BATCH) || asked.includes(SECRET_BATCH);
        expect(known || !answer.text.includes(SECRET_BATCH), said).toBe(true);
        expect(answer.status < 400 || typeof answer.json["code"] === "string", said).toBe(true);
        if (answer.status === 401) ada = await site.as("ada");
      }),
      { numRuns: 600, endOnFailure: true },
    );
    // Not everything was turned away at the door.
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 403, 404, 422]));
    const theirs = await site.field.batches.get({ namespace: "globex", name: "theirs" });
    expect(theirs.metadata).toMatchObject({ generation: 1 });
    expect(theirs.metadata.annotations).toBeUndefined();
    expect(await site.field.cloudApis.list({ namespace: "globex" })).toMatchObject({
      items: [{ metadata: { generation: 1 } }],
    });
  });
});

function encoded(segment: string): string {
  // Some are sent as they are, for a router that decodes them.
  return segment.includes("%")
    ? segment.replaceAll(/[^\w.%-]/gu, "")
    : encodeURIComponent(segment.toWellFormed());
}

describe("what does not come from a page of the console", () => {
  const bind = { batchId: "D001", from: "Desktop", request: "0b9e2b9e-6f0c-4e55-9b1f-1c1f6f9f2a11" };
  const at = "/api/accounts/acme/batches";

  it("changes nothing: another origin, none, a form's content type, a foreign host", async () => {
    const send = async (headers: Record<string, string>): Promise<number> =>
      (await ada.send(at, { method: "POST", body: bind, headers })).status;
    expect(await send({ origin: "https://evil.example" })).toBe(403);
    expect(await send({ origin: "null" })).toBe(403);
    expect(await send({ "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await send({ "sec-fetch-site": "same-site" })).toBe(403);
    expect(await send({ "content-type": "text/plain" })).toBe(415);
    expect(await send({ "content-type": "application/x-www-form-urlencoded" })).toBe(415);
    expect(await site.field.batches.find({ namespace: "acme", name: "d001" })).toBeUndefined();
  });

  it("is not read when it is too large", async () => {
    const large = { ...bind, batchId: "x".repeat(300_000) };
    const answer = await ada.post(at, large);
    expect(answer).toMatchObject({ status: 413, json: { code: "TooLarge" } });
    expect(answer.headers.get("connection")).toBe("close");
  });
});

describe("every answer", () => {
  it("lets no script in but the console's own, no frame around it, and is not kept", async () => {
    for (const path of ["/api/me", "/nothing.js", "/api/accounts/acme/batches"]) {
      const { headers } = await ada.get(path);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe-inline|unsafe-eval/u);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
    }
  });

  it("has a cookie that no script reads and no other site sends with a change", async () => {
    const visitor = site.visitor();
    const { headers } = await visitor.post("/api/sign-in/known", { id: "ada" });
    expect(headers.getSetCookie()).toHaveLength(1);
    expect(headers.getSetCookie()[0]).toMatch(/^certferry=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/u);
  });
});
