import { PutBucketVersioningCommand } from "@aws-sdk/client-s3";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { Buckets } from "../../../tools/aws-emulator/buckets.ts";
import { findAwsEmulator } from "../../../tools/aws-emulator/source.ts";
import { missingPart } from "../../../tools/setup/missing-part.ts";
import { bucketArchive } from "../store/archive/bucket.ts";
import type { ManifestArchive } from "../store/archive/port.ts";
import { ManifestStore } from "../store/store.ts";
import { failureOf, temporaryFolder } from "../testing.ts";
import type { HttpOptions } from "./http.ts";
import type { SourceOf } from "./port.ts";
import { s3Source } from "./s3.ts";

const missing = await missingPart(findAwsEmulator({}));
const FILE = randomBytes(400_000);
const BUCKET = "reel-manifests";
const soon = (): AbortSignal => AbortSignal.timeout(30_000);
const egress = new EgressPolicy({ allowCidrs: ["127.0.0.0/8"], env: {} });
const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe.skipIf(missing !== undefined)(`S3${missing ?? ""}`, () => {
  let buckets: Buckets;

  beforeAll(async () => {
    buckets = await Buckets.open(BUCKET, "versioned");
    await buckets.client.send(
      new PutBucketVersioningCommand({ Bucket: "versioned", VersioningConfiguration: { Status: "Enabled" } }),
    );
    await buckets.put(BUCKET, "2026/d 001+(ä)!.7z", FILE);
  });

  afterAll(async () => {
    await buckets?.close();
  });

  function secret(more: Record<string, string> = {}): Pick<HttpOptions, "readSecret"> {
    const values = { ...buckets.aws.access.credentials, ...more };
    const bytes = Object.entries(values).map(([key, value]) => [key, Buffer.from(value)] as const);
    return { readSecret: () => Promise.resolve(Object.fromEntries(bytes)) };
  }

  async function fetched(
    source: Partial<SourceOf<"s3">>,
    options: Partial<HttpOptions> = {},
    signal = soon(),
  ): Promise<Buffer> {
    const place = {
      bucket: BUCKET,
      key: "2026/d 001+(ä)!.7z",
      region: buckets.region,
      endpoint: buckets.aws.url,
    };
    const opened = s3Source(
      { ...place, secretRef: { name: "s3" }, ...source },
      { egress, idleMs: 5_000, retryPauseMs: 1, ...secret(), ...options },
    );
    return Buffer.concat(await Array.fromAsync(opened.bytes(signal)));
  }

  /** In front of the service: cuts the connections of these requests, each after so many bytes of its answer. */
  async function cutting(
    cuts: number[],
    between: (turn: number) => Promise<unknown> = () => Promise.resolve(),
  ) {
    const { port } = new URL(buckets.aws.url);
    const requests: string[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((from) => {
      const to = connect(Number(port), "127.0.0.1");
      let left = Infinity;
      for (const socket of [from, to]) {
        sockets.add(socket);
        socket.on("error", () => {}).on("close", () => [from.destroy(), to.destroy()]);
      }
      from.on("data", (bytes) => {
        if (!bytes.includes(" HTTP/1.1\r\n")) return to.write(bytes);
        requests.push(/^range: .*$/im.exec(bytes.toString("latin1"))?.[0] ?? "whole");
        left = cuts.shift() ?? Infinity;
        return void between(requests.length - 1).then(() => to.write(bytes));
      });
      to.on("data", (bytes) => {
        if (bytes.length >= left) return from.end(bytes.subarray(0, left));
        left -= bytes.length;
        return from.write(bytes);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
  }

  it("gives an object, whatever its key, with the Secret's credentials", async () => {
    expect((await fetched({})).equals(FILE)).toBe(true);
  });

  it("goes on where a connection broke, in the same version, and only in that one", async () => {
    for (const bucket of [BUCKET, "versioned"]) {
      await buckets.put(bucket, "resumed", FILE);
      const { endpoint, requests } = await cutting([100_000, 50_000, 1_000]);
      expect((await fetched({ bucket, key: "resumed", endpoint })).equals(FILE)).toBe(true);
      expect(requests[0]).toBe("whole");
      expect(requests.length).toBeGreaterThan(2);
      for (const range of requests.slice(1)) expect(range).toMatch(/^range: bytes=\d+-$/i);
    }
    const other = randomBytes(FILE.length);
    await buckets.put(BUCKET, "changing", FILE);
    const overwrite = (turn: number): Promise<unknown> =>
      turn === 1 ? buckets.put(BUCKET, "changing", other) : Promise.resolve();
    const changing = await cutting([100_000], overwrite);
    const failure = failureOf(fetched({ key: "changing", endpoint: changing.endpoint }));
    await expect(failure).resolves.toMatchObject({
      reason: "SourceUnavailable",
      transient: true,
      broken: true,
    });
    await buckets.put("versioned", "pinned", FILE);
    const pinned = await cutting([100_000], (turn) =>
      turn === 1 ? buckets.put("versioned", "pinned", other) : Promise.resolve(),
    );
    const whole = await fetched({ bucket: "versioned", key: "pinned", endpoint: pinned.endpoint });
    expect(whole.equals(FILE)).toBe(true);
  });

  it("connects only where the egress policy allows", async () => {
    const error = await failureOf(fetched({}, { egress: new EgressPolicy({ env: {} }) }));
    expect(error).toMatchObject({ reason: "SourceNotAllowed" });
    expect(error.message).toContain("--egress-allow-cidr 127.0.0.1/32");
  });

  it("takes the operator's own identity nowhere but to AWS", async () => {
    const opened = s3Source(
      { bucket: BUCKET, key: "x", region: buckets.region, endpoint: buckets.aws.url },
      { egress, idleMs: 5_000, ...secret() },
    );
    const error = await failureOf(Array.fromAsync(opened.bytes(soon())));
    expect(error).toMatchObject({ reason: "SourceNotAllowed" });
    expect(error.message).toContain("secretRef");
  });

  it.each([
    ["a key that is not there", { key: "missing" }, "the object is not there"],
    ["a bucket that is not there", { bucket: "no-such-bucket" }, "the bucket is not there"],
  ])("says what is wrong: %s", async (_, source, said) => {
    const error = await failureOf(fetched(source));
    expect(error).toMatchObject({ reason: "SourceUnavailable", transient: true });
    expect(error.message).toContain(said);
  });

  it("says what is wrong with the Secret", async () => {
    const readSecret = (): Promise<Record<string, Uint8Array>> =>
      Promise.resolve({ token: Buffer.from("hidden") });
    const error = await failureOf(fetched({}, { readSecret }));
    expect(error.message).toContain('Secret "s3" cannot be used: it needs the keys accessKeyId');
    expect(error.message).not.toContain("hidden");
  });

  it("stops when its signal aborts", async () => {
    const stop = new AbortController();
    const { endpoint } = await cutting([], () => Promise.resolve(stop.abort()));
    await expect(fetched({ endpoint }, {}, stop.signal)).rejects.toMatchObject({ name: "AbortError" });
  });

  describe("as an archive", () => {
    function archive(): ManifestArchive {
      // What the operator's environment gives where it runs.
      for (const [name, value] of Object.entries(buckets.aws.env)) process.env[name] = value;
      const opened = bucketArchive({
        bucket: BUCKET,
        prefix: "archive/a",
        endpoint: buckets.aws.url,
        egress,
      });
      onTestFinished(async () => {
        for (const name of Object.keys(buckets.aws.env)) delete process.env[name];
        await opened.close();
      });
      return opened;
    }

    it("keeps what it is given, by its digest, and nothing that is not whole", async () => {
      await using folder = await temporaryFolder();
      const path = join(folder.path, "manifest");
      await writeFile(path, FILE);
      const manifest = { sha256: digest(FILE), bytes: FILE.length, path };
      const one = archive();
      await expect(one.has(manifest, soon())).resolves.toBe(false);
      await expect(one.get(manifest.sha256, soon())).resolves.toBeUndefined();
      await one.put(manifest, soon());
      await expect(one.has(manifest, soon())).resolves.toBe(true);
      await expect(one.has({ ...manifest, bytes: 1 }, soon())).resolves.toBe(false);
      const back = await one.get(manifest.sha256, soon());
      expect(Buffer.concat(await Array.fromAsync(back ?? [])).equals(FILE)).toBe(true);
    });

    it("gives a manifest back when its source has gone", async () => {
      await using folder = await temporaryFolder();
      const store = (name: string, archive: ManifestArchive): ManifestStore =>
        new ManifestStore({
          dir: join(folder.path, name),
          maxBytes: 1024 ** 2,
          maxManifestBytes: 1024 ** 2,
          readConfigMap: () => Promise.reject(new Error("gone")),
          readSecret: () => Promise.reject(new Error("unused")),
          egress,
          archive,
        });
      const sha256 = digest(FILE);
      const path = join(folder.path, "manifest");
      await writeFile(path, FILE);
      const place = archive();
      await place.put({ sha256, bytes: FILE.length, path }, soon());
      const source = { configMap: { name: "m", key: "k" } };
      const back = await store("a", place).fetch(source, { knownSha256: sha256 }, soon());
      expect(back).toMatchObject({ sha256, bytes: FILE.length });
      const failure = await failureOf(
        store("b", place).fetch(source, { knownSha256: "0".repeat(64) }, soon()),
      );
      expect(failure.message).toContain("s3://reel-manifests/archive/a) does not have it either");
    });
  });
});
