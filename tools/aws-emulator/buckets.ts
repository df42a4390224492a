import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { Agent } from "undici";
import { createS3Client } from "../../operator/manifests/sources/s3-client.ts";
import { type AwsEmulator, startAwsEmulator } from "./emulator.ts";

const REGION = "eu-central-1";
/** No other test's: it is an access key here, and a Secret that holds one is looked for in all that tests write. */
const ACCOUNT = "468024680246";
const IDLE_MS = 10_000;

/** S3 on loopback with buckets in it, seen as its owner sees it. */
export class Buckets {
  readonly aws: AwsEmulator;
  readonly region = REGION;
  /** As the account's root. */
  readonly client: S3Client;
  readonly #agent = new Agent();

  private constructor(aws: AwsEmulator) {
    this.aws = aws;
    this.client = createS3Client({
      region: REGION,
      endpoint: aws.url,
      credentials: aws.access.credentials,
      dispatcher: this.#agent,
      idleMs: IDLE_MS,
    });
  }

  /** Starts an AWS, and makes these buckets in it. @throws as `startAwsEmulator` does */
  static async open(...names: readonly string[]): Promise<Buckets> {
    const buckets = new Buckets(await startAwsEmulator({ accountId: ACCOUNT, region: REGION }));
    try {
      for (const name of names) await buckets.client.send(new CreateBucketCommand({ Bucket: name }));
    } catch (error) {
      await buckets.close();
      throw error;
    }
    return buckets;
  }

  async put(bucket: string, key: string, body: Uint8Array): Promise<void> {
    await this.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  }

  /** @throws NoSuchKey, NoSuchBucket of the SDK */
  async get(bucket: string, key: string): Promise<Buffer> {
    const { Body } = await this.client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  /** The keys that are there, in their order. */
  async keys(bucket: string): Promise<string[]> {
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
  }

  async close(): Promise<void> {
    this.client.destroy();
    await this.#agent.destroy();
    await this.aws.stop();
  }
}
