import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packageHooks } from "./function-app.ts";
import { managementOf, syncTriggers, UploadFailed, uploadPackage } from "./upload.ts";

/** What a server was asked, and what it answers with: one after the other, the last for all that follow. */
interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const content = Buffer.from("the package");
const token = (): Promise<string> => Promise.resolve("a-token");
const soon = { patienceMs: 400, pauseMs: 10 };

let server: Server;
let address: string;
let asked: Asked[];
let answers: { status: number; code?: string }[];

beforeEach(async () => {
  asked = [];
  answers = [{ status: 201 }];
  server = createServer((request, response) => {
    void (async () => {
      const body = await buffer(request);
      const { method, url, headers } = request;
      const { status, code } = answers[Math.min(asked.length, answers.length - 1)] ?? { status: 500 };
      asked.push({ method, url, headers, body: body.toString("utf8") });
      response.writeHead(status, code === undefined ? {} : { "x-ms-error-code": code });
      response.end("<Error>secret words of the server</Error>");
    })();
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => {
    server.close(done);
  });
});

describe("the upload of the function's package", () => {
  it("writes it into the container, under the name that is looked for, as the one who deploys", async () => {
    await uploadPackage(`${address}/package`, content, token);
    expect(asked).toMatchObject([
      {
        method: "PUT",
        url: "/package/released-package.zip",
        body: "the package",
        headers: {
          authorization: "Bearer a-token",
          "x-ms-blob-type": "BlockBlob",
          "content-type": "application/zip",
        },
      },
    ]);
  });

  it("goes on while a fresh role does not count yet, and while storage is busy", async () => {
    answers = [
      { status: 403, code: "AuthorizationPermissionMismatch" },
      { status: 503, code: "ServerBusy" },
      { status: 201 },
    ];
    await uploadPackage(`${address}/package`, content, token, soon);
    expect(asked.map(({ body }) => body)).toEqual(Array(3).fill("the package"));
  });

  it("gives up in the end, and says who refused what, and nothing that the server wrote", async () => {
    answers = [{ status: 403, code: "AuthorizationPermissionMismatch" }];
    const failed = await uploadPackage(`${address}/package`, content, token, soon).catch(
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(UploadFailed);
    expect(String(failed)).toMatch(
      /could not be written to .*\/package: HTTP 403 \(AuthorizationPermissionMismatch\).*Storage Blob Data Contributor/,
    );
    expect(String(failed)).not.toMatch(/secret words|a-token/);
    expect(asked.length).toBeGreaterThan(3);
  });

  it("asks once only where asking again is of no use", async () => {
    answers = [{ status: 400, code: "InvalidHeaderValue" }];
    await expect(uploadPackage(`${address}/package`, content, token, soon)).rejects.toThrow(/HTTP 400/);
    expect(asked).toHaveLength(1);
  });

  it("says so when nobody answers", async () => {
    const nowhere = "http://127.0.0.1:1/package";
    await expect(uploadPackage(nowhere, content, token, soon)).rejects.toThrow(UploadFailed);
  });

  it("takes the container from what the app will be made of", async () => {
    const { beforeCreate, beforeUpdate } = packageHooks(
      { content, hash: "-" },
      { storage: token, management: token },
    );
    const newInputs = {
      functionAppConfig: { deployment: { storage: { value: `${address}/package`, type: "blobContainer" } } },
    };
    for (const hook of [beforeCreate?.[0], beforeUpdate?.[0]]) {
      if (typeof hook !== "function") throw new Error("no hook");
      await hook({ urn: "urn", id: "id", name: "app", type: "azure-native:web:WebApp", newInputs });
    }
    expect(asked.map(({ url }) => url)).toEqual(Array(2).fill("/package/released-package.zip"));
  });
});

describe("telling the platform of the function's routes", () => {
  const app = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/factory";

  it("asks Azure Resource Manager, and again until the app is up", async () => {
    answers = [{ status: 404 }, { status: 204 }];
    await syncTriggers(address, app, token, soon);
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual(
      Array(2).fill(`POST ${app}/syncfunctiontriggers?api-version=2024-04-01`),
    );
    expect(asked[0]?.headers.authorization).toBe("Bearer a-token");
  });

  it("says what to do when that fails", async () => {
    answers = [{ status: 401 }];
    await expect(syncTriggers(address, app, token, soon)).rejects.toThrow(/HTTP 401.*product-clouds\.md/);
  });

  it.each([
    ["factory.azurewebsites.net", "https://management.azure.com"],
    ["factory.azurewebsites.us", "https://management.usgovcloudapi.net"],
    ["factory.chinacloudsites.cn", "https://management.chinacloudapi.cn"],
  ])("knows whom to ask for %s", (host, management) => {
    expect(managementOf(host)).toBe(management);
  });
});
