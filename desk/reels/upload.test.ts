import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { Agent } from "undici";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EgressPolicy } from "../../interop/egress/policy.ts";
import { createS3Client } from "../../operator/manifests/sources/s3-client.ts";
import { temporaryFolder } from "../../operator/manifests/testing.ts";
import { type AwsEmulator, startAwsEmulator } from "../../tools/aws-emulator/emulator.ts";
import { findAwsEmulator } from "../../tools/aws-emulator/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { uploadManifest } from "./upload.ts";

const missing = await missingPart(findAwsEmulator({}));
const REGION = "eu-central-1";
const egress = new EgressPolicy({ allowCidrs: ["127.0.0.0/8"], env: {} });
const soon = (): AbortSignal => AbortSignal.timeout(30_000);

describe.skipIf(missing !== undefined)(`the upload of a manifest${missing ?? ""}`, () => {
  let aws: AwsEmulator;
  let client: S3Client;
  const agent = new Agent();

  beforeAll(async () => {
    aws = await startAwsEmulator({ accountId: "123456789012", region: REGION });
    const { credentials } = aws.access;
    client = createS3Client({
      region: REGION,
      endpoint: aws.url,
      credentials,
      dispatcher: agent,
      idleMs: 10_000,
    });
    await client.send(new CreateBucketCommand({ Bucket: "reels" }));
  });

  afterAll(async () => {
    client?.destroy();
    await agent.destroy();
    await aws?.stop();
  });

  it("puts the file there as it is, with the identity of whoever runs it, and over nothing that is there", async () => {
    const { accessKeyId, secretAccessKey } = aws.access.credentials;
    vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
    await using folder = await temporaryFolder();
    const file = join(folder.path, "d001.7z");
    const content = randomBytes(300_000);
    await writeFile(file, content);
    const place = { bucket: "reels", key: "2026/d001.7z", region: REGION, endpoint: aws.url };
    await uploadManifest(file, place, egress, soon());
    const { Body } = await client.send(new GetObjectCommand({ Bucket: "reels", Key: "2026/d001.7z" }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(content)).toBe(true);
    await writeFile(file, "another");
    await expect(uploadManifest(file, place, egress, soon())).rejects.toThrow(
      "s3://reels/2026/d001.7z cannot be written: there is an object of that key already",
    );
    const nowhere = { ...place, bucket: "nowhere" };
    await expect(uploadManifest(file, nowhere, egress, soon())).rejects.toThrow(/there is no such bucket/);
  });
});
