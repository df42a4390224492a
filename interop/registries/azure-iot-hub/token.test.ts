import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { managedIdentity } from "./managed-identity.ts";
import { createTestClock } from "./testing/clock.ts";
import { createHubTokens, type TokenCredential } from "./token.ts";

const { signal } = new AbortController();
const SCOPE = "https://iothubs.azure.net/.default";

/** Gives tokens by number, each good for so long. */
function counting(lifeMs: number, now: () => number): TokenCredential {
  let count = 0;
  return {
    getToken: () => Promise.resolve({ token: String((count += 1)), expiresOnTimestamp: now() + lifeMs }),
  };
}

describe("tokens", () => {
  it.each([
    [3_600_000, 3_300_000],
    [60_000, 30_000],
  ])("that live %d ms are kept for %d ms", async (lifeMs, keptMs) => {
    const clock = createTestClock();
    const tokens = createHubTokens(
      counting(lifeMs, () => clock.now()),
      SCOPE,
      clock,
    );
    expect(await tokens.token(signal)).toBe("1");
    await clock.sleep(keptMs - 1, signal);
    expect(await tokens.token(signal)).toBe("1");
    await clock.sleep(1, signal);
    expect(await tokens.token(signal)).toBe("2");
  });

  it("are fetched once for all that wait, and one that gives up does not end the others' wait", async () => {
    const granted = Promise.withResolvers<{ token: string; expiresOnTimestamp: number }>();
    let asked = 0;
    const credential: TokenCredential = {
      getToken: () => {
        asked += 1;
        return granted.promise;
      },
    };
    const clock = createTestClock();
    const tokens = createHubTokens(credential, SCOPE, clock);
    const impatient = new AbortController();
    const waiting = [tokens.token(signal), tokens.token(signal)];
    const gaveUp = tokens.token(impatient.signal);
    impatient.abort(new Error("enough"));
    await expect(gaveUp).rejects.toThrow("enough");
    granted.resolve({ token: "t", expiresOnTimestamp: clock.now() + 1_000_000 });
    expect(await Promise.all(waiting)).toEqual(["t", "t"]);
    expect(asked).toBe(1);
  });

  it("that were refused are not given again; others are", async () => {
    const clock = createTestClock();
    const tokens = createHubTokens(
      counting(3_600_000, () => clock.now()),
      SCOPE,
      clock,
    );
    expect(await tokens.token(signal)).toBe("1");
    tokens.refused("another");
    expect(await tokens.token(signal)).toBe("1");
    tokens.refused("1");
    expect(await tokens.token(signal)).toBe("2");
  });

  it("are asked for again after a failure", async () => {
    const clock = createTestClock();
    const source = counting(3_600_000, () => clock.now());
    let fails = true;
    const credential: TokenCredential = {
      getToken: (scope, options) => {
        if (!fails) return source.getToken(scope, options);
        fails = false;
        return Promise.reject(new Error("down"));
      },
    };
    const tokens = createHubTokens(credential, SCOPE, clock);
    await expect(tokens.token(signal)).rejects.toMatchObject({ name: "TokenUnavailable", transient: true });
    expect(await tokens.token(signal)).toBe("1");
  });
});

describe("a managed identity", () => {
  const open: Server[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  async function endpoint(answer: (request: IncomingMessage) => [number, string]): Promise<string> {
    const server = createServer((request, response) => {
      const [status, body] = answer(request);
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`;
  }

  it("asks the platform's endpoint as documented", async () => {
    let asked: string | undefined;
    let header: unknown;
    const url = await endpoint((request) => {
      asked = request.url;
      header = request.headers["x-identity-header"];
      return [
        200,
        JSON.stringify({ access_token: "t", expires_on: "1800000000", resource: "r", token_type: "Bearer" }),
      ];
    });
    const credential = managedIdentity({ endpoint: url, header: "only-ours", clientId: "c-1" });
    expect(await credential.getToken(SCOPE, { abortSignal: signal })).toEqual({
      token: "t",
      expiresOnTimestamp: 1_800_000_000_000,
    });
    expect(header).toBe("only-ours");
    const query = new URL(asked ?? "", url).searchParams;
    expect(Object.fromEntries(query)).toEqual({
      "api-version": "2019-08-01",
      resource: "https://iothubs.azure.net",
      client_id: "c-1",
    });
  });

  it.each([
    [400, '{"statusCode":400,"message":"No managed identity found"}', false],
    [403, "", false],
    [429, "", true],
    [500, "", true],
    [200, "<html>", true],
    [200, '{"access_token":"","expires_on":"1"}', true],
  ])("that answers %d %j gives no token, and says whether that may pass", async (status, body, transient) => {
    const url = await endpoint(() => [status, body]);
    const granted = managedIdentity({ endpoint: url, header: "only-ours" }).getToken(SCOPE, {
      abortSignal: signal,
    });
    const error: unknown = await granted.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "TokenUnavailable", transient });
    expect(String(error)).not.toContain("only-ours");
  });
});
