import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apply, eventually } from "../test/harness/index.ts";
import { freePort } from "../tools/process/free-port.ts";
import { Site } from "./testing/site.ts";
import type { Visitor } from "./testing/visitor.ts";

const RBAC = "rbac.authorization.k8s.io";
const CLIENT = { id: "certferry-console", secret: "of-this-test-only-5b1d" };

/** What the provider says of the people it knows. */
const CLAIMS: Readonly<Record<string, object>> = {
  hedy: {
    email: "hedy@example.com",
    email_verified: true,
    groups: ["line-leads", "system:masters", "strangers"],
  },
  ivan: { email: "ivan@example.com", email_verified: false, groups: ["line-leads"] },
  jörg: { email: "jörg@łódź.example", email_verified: true, groups: [] },
  double: { email: "hedy@example.com ", email_verified: true, groups: ["line-leads"] },
  broken: { email: "hedy\n@example.com", email_verified: true, groups: ["line-leads"] },
  half: { email: "hedy\uD800@example.com", email_verified: true, groups: ["line-leads"] },
  mallory: { email: "system:admin", email_verified: true, groups: ["system:masters"] },
};

let site: Site;
let provider: Server;
let issuer: URL;

beforeAll(async () => {
  const consolePort = await freePort();
  const publicUrl = new URL(`http://127.0.0.1:${consolePort}`);
  ({ issuer, server: provider } = await startProvider(new URL("/auth/oidc/callback", publicUrl)));
  site = await Site.open({
    address: { host: "127.0.0.1", port: consolePort },
    oidc: {
      issuer,
      clientId: CLIENT.id,
      clientSecret: CLIENT.secret,
      label: "Sign in with Example",
      scopes: ["openid", "email", "groups"],
      usernameClaim: "email",
      groupsClaim: "groups",
      usernamePrefix: "oidc:",
      groupsPrefix: "oidc:",
      groups: ["oidc:line-leads"],
    },
  });
  const binding = {
    apiVersion: `${RBAC}/v1`,
    kind: "RoleBinding",
    metadata: { name: "line-leads", namespace: "acme" },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "certferry-binder" },
    subjects: [{ apiGroup: RBAC, kind: "Group", name: "oidc:line-leads" }],
  };
  const roleRef = { ...binding.roleRef };
  const subjects = [{ apiGroup: RBAC, kind: "User", name: "oidc:jörg@łódź.example" }];
  const metadata = { name: "joerg", namespace: "globex" };
  await apply(site.field.client, [binding, { ...binding, metadata, roleRef, subjects }]);
});

afterAll(async () => {
  await site?.close();
  provider?.closeAllConnections();
  await new Promise((resolve) => provider?.close(resolve));
});

/** An OpenID provider with a form that takes any password, as oidc-provider has it for development. */
async function startProvider(callback: URL): Promise<{ issuer: URL; server: Server }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const oidc = new Provider(issuer.origin, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [callback.href],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "email", "groups"],
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    cookies: { keys: ["of this test only"] },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, ...CLAIMS[id] }),
    }),
  });
  const answer = oidc.callback();
  server.on("request", (request, response) => void answer(request, response));
  return { issuer, server };
}

/** The browser at the provider: signs in, consents, and comes back with where it is sent. */
async function atProvider(login: string, start: string): Promise<URL> {
  const jar = new Map<string, string>();
  const send = async (url: string, body?: URLSearchParams): Promise<Response> => {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.timeout(20_000),
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(body === undefined ? {} : { method: "POST", body }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const { name, value } = /^(?<name>[^=]+)=(?<value>[^;]*)/u.exec(cookie)?.groups ?? {};
      if (name !== undefined && value !== undefined) jar.set(name, value);
    }
    return response;
  };
  let response = await send(start);
  for (let step = 0; step < 12; step += 1) {
    const location = response.headers.get("location");
    if (location !== null) {
      const next = new URL(location, issuer);
      if (next.origin !== issuer.origin) return next;
      response = await send(next.href);
      continue;
    }
    const page = await response.text();
    const action = /action="(?<action>[^"]+)"/u.exec(page)?.groups?.["action"];
    if (action === undefined) throw new Error(`the provider shows no form: ${response.status}`);
    const prompt = page.includes('name="login"') ? "login" : "consent";
    const fields = prompt === "login" ? { prompt, login, password: "any" } : { prompt };
    response = await send(new URL(action, issuer).href, new URLSearchParams(fields));
  }
  throw new Error("the provider goes round in circles");
}

/** From the console to the provider and back. */
async function signIn(
  visitor: Visitor,
  login: string,
  path = "/acme/batches?page=2",
): Promise<{ status: number; location: string | null; text: string }> {
  const start = await visitor.get(`/auth/oidc/start?return=${encodeURIComponent(path)}`);
  expect(start.status).toBe(302);
  const back = await atProvider(login, start.headers.get("location") ?? "");
  const answer = await visitor.get(back.pathname + back.search);
  return { status: answer.status, location: answer.headers.get("location"), text: answer.text };
}

describe("signing in at a provider", () => {
  it("leads to where one was going, as oneself and with those groups that the console may speak for", async () => {
    const visitor = site.visitor();
    expect(await signIn(visitor, "hedy")).toMatchObject({ status: 302, location: "/acme/batches?page=2" });
    await eventually(async () => {
      const me = await visitor.get("/api/me");
      return me.json["name"] === "hedy@example.com" && JSON.stringify(me.json["accounts"]) === '["acme"]';
    });
    expect((await visitor.get("/api/accounts/globex/batches")).status).toBe(403);
    const request = "5a3c1ad5-2f0e-4b8e-8a2b-6d8a2f7f0f11";
    const bound = await visitor.post("/api/accounts/acme/batches", {
      batchId: "OIDC-1",
      from: "Phone",
      request,
    });
    expect(bound.status).toBe(201);
    const { metadata } = await site.field.batches.get({ namespace: "acme", name: "oidc-1" });
    expect(metadata.annotations).toMatchObject({ "certferry.dev/added-by": "hedy@example.com" });
    // `system:masters`, which the provider claims of her, would let her do this.
    expect((await visitor.post("/api/accounts/acme/batches/oidc-1/provision", {})).status).toBe(403);
  });

  it("is refused to an address that is not verified, and to a name of the cluster's own parts", async () => {
    expect(await signIn(site.visitor(), "ivan")).toMatchObject({ status: 401 });
    const mallory = site.visitor();
    await signIn(mallory, "mallory");
    const me = await mallory.get("/api/me");
    // With its prefix the name is another's than the cluster's own.
    expect(me.json["accounts"]).toEqual([]);
  });

  it("is as oneself whatever letters one's name has", async () => {
    const visitor = site.visitor();
    expect(await signIn(visitor, "jörg", "/globex/batches")).toMatchObject({ status: 302 });
    await eventually(async () => {
      const me = await visitor.get("/api/me");
      return me.json["name"] === "jörg@łódź.example" && JSON.stringify(me.json["accounts"]) === '["globex"]';
    });
  });

  it("is refused to a name that would reach the cluster as another one", async () => {
    for (const login of ["double", "broken", "half"]) {
      const visitor = site.visitor();
      const answer = await signIn(visitor, login);
      expect(answer.status, login).toBe(401);
      expect(JSON.parse(answer.text)).toMatchObject({ code: "NameRefused" });
      expect((await visitor.get("/api/me")).status).toBe(401);
    }
  });

  it("leads a browser for which it did not work to the page that says so, and tells a program itself", async () => {
    const path = "/auth/oidc/callback?code=none&state=none";
    const shown = await site.visitor().get(path, { accept: "text/html,application/xhtml+xml" });
    expect([shown.status, shown.headers.get("location")]).toEqual([302, "/?sign-in=SignInExpired"]);
    expect(await site.visitor().get(path)).toMatchObject({ status: 400, json: { code: "SignInExpired" } });
  });

  it("does not lead to another site afterwards", async () => {
    for (const path of [
      "//evil.example",
      "https://evil.example/",
      "/\\evil.example",
      "javascript:alert(1)",
    ]) {
      expect(await signIn(site.visitor(), "hedy", path)).toMatchObject({ status: 302, location: "/" });
    }
  });

  it("ends in the browser in which it began, and once", async () => {
    const victim = site.visitor();
    const start = await victim.get("/auth/oidc/start");
    const back = await atProvider("hedy", start.headers.get("location") ?? "");
    const other = site.visitor();
    expect(await other.get(back.pathname + back.search)).toMatchObject({
      status: 400,
      json: { code: "SignInExpired" },
    });
    const cookies = new Map(victim.cookies);
    expect((await victim.get(back.pathname + back.search)).status).toBe(302);
    for (const [name, value] of cookies) victim.cookies.set(name, value);
    expect((await victim.get(back.pathname + back.search)).status).toBe(400);
  });
});
