import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectAs } from "./person.ts";
import type { Person } from "./person.ts";

describe("a client that acts as a person", () => {
  let server: Server;
  let config: KubeConfig;
  let asked: IncomingMessage[];
  let refusals: number;

  beforeEach(async () => {
    [asked, refusals] = [[], 0];
    server = createServer((request, response) => {
      asked.push(request);
      const refused = refusals > 0;
      refusals -= 1;
      response.writeHead(refused ? 401 : 200, { "content-type": "application/json" }).end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    config = new KubeConfig();
    config.loadFromClusterAndUser(
      {
        name: "test",
        server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        skipTLSVerify: true,
      },
      { name: "console", token: "the console's own" },
    );
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function ask(person: Person): Promise<void> {
    const client = connectAs(config, person);
    try {
      await client.request({ method: "GET", path: "/version" });
    } finally {
      await client.close();
    }
  }

  /** Values of a header, each line of its own. */
  const lines = (request: IncomingMessage | undefined, name: string): string[] =>
    (request?.headersDistinct[name] ?? []).flat();

  it("says whom it impersonates, group by group, also when credentials are read anew", async () => {
    refusals = 1;
    const groups = ["oidc:line-leads", "oidc:night shift"];
    await ask({ name: "hedy", credentials: { kind: "impersonated", user: "oidc:hedy@example.com", groups } });
    expect(asked).toHaveLength(2);
    for (const request of asked) {
      expect(request.headers.authorization).toBe("Bearer the console's own");
      expect(lines(request, "impersonate-user")).toEqual(["oidc:hedy@example.com"]);
      expect(lines(request, "impersonate-group")).toEqual(groups);
    }
  });

  it("says names and groups in UTF-8, as the API server reads them", async () => {
    const [user, groups] = ["oidc:jörg@łódź.example", ["oidc:Frühschicht", "oidc:夜勤"]];
    await ask({ name: "jörg", credentials: { kind: "impersonated", user, groups } });
    const utf8 = (name: string): string[] =>
      lines(asked[0], name).map((line) => Buffer.from(line, "latin1").toString("utf8"));
    expect(utf8("impersonate-user")).toEqual([user]);
    expect(utf8("impersonate-group")).toEqual(groups);
  });

  it("goes with a person's own token, and never with the console's", async () => {
    refusals = 1;
    await ask({ name: "robot", credentials: { kind: "token", token: "their own" } });
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer their own",
      "Bearer their own",
    ]);
    expect(asked.flatMap((request) => lines(request, "impersonate-user"))).toEqual([]);
  });
});
