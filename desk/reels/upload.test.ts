import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { EgressPolicy } from "../../interop/egress/policy.ts";
import { temporaryFolder } from "../../operator/manifests/testing.ts";
import { Buckets } from "../../tools/aws-emulator/buckets.ts";
import { findAwsEmulator } from "../../tools/aws-emulator/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { uploadManifest } from "./upload.ts";

const missing = await missingPart(findAwsEmulator({}));
const egress = new EgressPolicy({ allowCidrs: ["127.0.0.0/8"], env: {} });
const soon = (): AbortSignal => AbortSignal.timeout(30_000);

describe.skipIf(missing !== undefined)(`the upload of a manifest${missing ?? ""}`, () => {
  let buckets: Buckets;

  beforeAll(async () => {
    buckets = await Buckets.open("reels");
  });

  afterAll(async () => {
    await buckets?.close();
  });

  it("puts the file there as it is, with the identity of whoever runs it, and over nothing that is there", async () => {
    const { accessKeyId, secretAccessKey } = buckets.aws.access.credentials;
    vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
    await using folder = await temporaryFolder();
    const file = join(folder.path, "d001.7z");
    const content = randomBytes(300_000);
    await writeFile(file, content);
    const place = { bucket: "reels", key: "2026/d001.7z", region: buckets.region, endpoint: buckets.aws.url };
    await uploadManifest(file, place, egress, soon());
    expect((await buckets.get("reels", place.key)).equals(content)).toBe(true);
    await writeFile(file, "another");
    await expect(uploadManifest(file, place, egress, soon())).rejects.toThrow(
      "s3://reels/2026/d001.7z cannot be written: there is an object of that key already",
    );
    const nowhere = { ...place, bucket: "nowhere" };
    await expect(uploadManifest(file, nowhere, egress, soon())).rejects.toThrow(/there is no such bucket/);
  });

  it("goes where it is told, and not where the environment leads", async () => {
    const { accessKeyId, secretAccessKey } = buckets.aws.access.credentials;
    vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
    vi.stubEnv("AWS_ENDPOINT_URL", buckets.aws.url);
    const asked: string[] = [];
    const proxy = createServer().on("connect", ({ url = "" }, socket) => {
      asked.push(url);
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    onTestFinished(() => void proxy.close());
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const through = new EgressPolicy({ env: { HTTPS_PROXY: address }, allowCidrs: ["0.0.0.0/0"] });
    await using folder = await temporaryFolder();
    const file = join(folder.path, "d002.csv");
    await writeFile(file, "content");
    const place = { bucket: "reels", key: "d002.csv", region: buckets.region };
    await expect(uploadManifest(file, place, through, soon())).rejects.toThrow(
      /^s3:\/\/reels\/d002\.csv cannot be written: /,
    );
    expect(new Set(asked)).toEqual(new Set(["reels.s3.eu-central-1.amazonaws.com:443"]));
    expect(await buckets.keys("reels")).not.toContain("d002.csv");
  });
});
