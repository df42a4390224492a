import { request } from "node:https";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { issueServerCertificate } from "../factory/index.ts";
import type { ServerCertificate } from "../factory/index.ts";
import { serveManifests } from "./manifests.ts";
import type { ManifestServer } from "./manifests.ts";

describe("the vendor's manifest server", () => {
  let tls: ServerCertificate;
  let server: ManifestServer;

  beforeAll(async () => {
    tls = await issueServerCertificate({ hosts: ["127.0.0.1"] });
    const bytes = Buffer.from("device_id");
    const manifest = { batchId: "D001", devices: 2, bytes, sha256: "" };
    server = await serveManifests({
      manifests: [
        { ...manifest, fileName: "open.csv" },
        { ...manifest, fileName: "closed.csv" },
      ],
      tls,
      logins: new Map([["closed.csv", { username: "u", password: "p" }]]),
    });
  });

  afterAll(async () => await server.stop());

  async function get(path: string, auth?: string): Promise<{ status: number; body: string }> {
    return await new Promise((resolve, reject) => {
      const options = { path, ca: tls.caPem, agent: false as const, timeout: 10_000 };
      const call = request(
        server.url,
        { ...options, ...(auth === undefined ? {} : { auth }) },
        (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        },
      );
      call.on("error", reject);
      call.end();
    });
  }

  it("gives files out by their names, to those who may have them", async () => {
    expect(await get("/reels/open.csv?x=1")).toEqual({ status: 200, body: "device_id" });
    expect((await get("/closed.csv")).status).toBe(401);
    expect((await get("/closed.csv", "u:wrong")).status).toBe(401);
    expect((await get("/closed.csv", "u:p")).status).toBe(200);
    expect((await get("/other.csv")).status).toBe(404);
  });

  it("goes on after an address that is none", async () => {
    expect((await get("//")).status).toBe(400);
    expect((await get("/open.csv")).status).toBe(200);
  });
});
