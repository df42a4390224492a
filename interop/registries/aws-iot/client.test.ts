import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createApi, type IotApi } from "./api.ts";
import { createIotClient } from "./client.ts";

let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let asked: string[];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

function api(options: { requestTimeoutMs?: number; maxAttempts?: number } = {}): IotApi {
  const { port } = server.address() as AddressInfo;
  return createApi(
    createIotClient({
      region: "eu-central-1",
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      connections: 4,
      ...options,
    }),
  );
}

function fail(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status, { "content-type": "application/json", "x-amzn-errortype": error });
  response.end(JSON.stringify({ message: "as told" }));
}

const { signal } = new AbortController();

describe("the SDK's client", () => {
  it("tries a throttled call again, three times in all, and then says that it is throttled", async () => {
    answer = (_, response) => fail(response, 400, "ThrottlingException");
    await expect(api().getPolicy("P", signal)).rejects.toMatchObject({
      action: "GetPolicy",
      error: "ThrottlingException",
      code: "Throttled",
    });
    expect(asked).toEqual(["GET /policies/P", "GET /policies/P", "GET /policies/P"]);
  });

  it("goes on when a throttled call succeeds the second time", async () => {
    answer = (_, response) => {
      if (asked.length === 1) return fail(response, 429, "TooManyRequestsException");
      response.end(JSON.stringify({ endpointAddress: "abc.iot" }));
    };
    expect(await api().dataEndpoint(signal)).toBe("abc.iot");
  });

  it.each([
    [403, "AccessDeniedException", "NotPermitted"],
    [401, "UnauthorizedException", "NotPermitted"],
    [404, "ResourceNotFoundException", "RegistrationFailed"],
    [400, "CertificateValidationException", "CertificateUndecodable"],
  ])("does not try again after %d %s", async (status, error, code) => {
    answer = (_, response) => fail(response, status, error);
    await expect(api().getPolicy("P", signal)).rejects.toMatchObject({ error, code });
    expect(asked).toHaveLength(1);
  });

  it("gives up a call that is not answered", async () => {
    answer = () => {};
    await expect(api({ requestTimeoutMs: 50, maxAttempts: 1 }).getPolicy("P", signal)).rejects.toMatchObject({
      error: "TimeoutError",
      code: "RegistrationFailed",
    });
  });

  it("ends a call, and the wait for the next attempt, when the request's time is up", async () => {
    answer = () => {};
    await expect(api().getPolicy("P", AbortSignal.timeout(50))).rejects.toMatchObject({
      code: "OutOfTime",
    });
    answer = (_, response) => {
      response.setHeader("retry-after", "15");
      fail(response, 503, "ServiceUnavailableException");
    };
    const started = performance.now();
    await expect(api().getPolicy("P", AbortSignal.timeout(200))).rejects.toMatchObject({
      code: "OutOfTime",
    });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("says what went wrong on a broken connection", async () => {
    answer = (request) => request.socket.destroy();
    await expect(api({ maxAttempts: 1 }).getPolicy("P", signal)).rejects.toMatchObject({
      code: "RegistrationFailed",
    });
  });

  it("asks for all pages", async () => {
    answer = ({ url }, response) => {
      const second = url?.includes("nextToken=2") === true;
      response.end(
        JSON.stringify(second ? { principals: ["c"] } : { principals: ["a", "b"], nextToken: "2" }),
      );
    };
    expect(await api().thingPrincipals("T", signal)).toEqual(["a", "b", "c"]);
  });
});
