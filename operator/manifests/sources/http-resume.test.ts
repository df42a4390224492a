import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { ManifestStore } from "../store/store.ts";
import { failureOf, temporaryFolder } from "../testing.ts";
import { httpSource } from "./http.ts";

const FILE = randomBytes(300_000);
const OTHER = randomBytes(300_000);
const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const egress = new EgressPolicy({ allowCidrs: ["127.0.0.0/8"], env: {} });

interface Manners {
  /** Bytes after which each connection is cut, one after the other; then none is. */
  cuts: number[];
  etag?: string | undefined;
  modified?: string | undefined;
  /** Whether parts can be had. */
  ranges?: boolean;
  /** Answers in its own way, and says so. */
  instead?: (request: IncomingMessage, answer: ServerResponse, turn: number) => boolean;
  content?: (turn: number) => Buffer;
  /** Without its length. */
  chunked?: boolean;
}

/** A server of one file, with the ranges that were asked of it. */
async function serving(manners: Manners): Promise<{ url: string; asked: (string | undefined)[] }> {
  const asked: (string | undefined)[] = [];
  const { etag, modified, ranges = true, instead, content = () => FILE, chunked = false } = manners;
  const cuts = [...manners.cuts];
  const server = createServer((request, answer) => {
    const turn = asked.push(request.headers.range) - 1;
    if (instead?.(request, answer, turn) === true) return;
    const file = content(turn);
    const [, start] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
    const condition = request.headers["if-range"];
    const fits = condition === undefined || condition === etag || condition === modified;
    const from = ranges && fits && start !== undefined ? Number(start) : 0;
    const headers = {
      ...(etag === undefined ? {} : { etag }),
      ...(modified === undefined ? {} : { "last-modified": modified }),
      ...(chunked ? {} : { "content-length": file.length - from }),
      ...(from > 0 ? { "content-range": `bytes ${from}-${file.length - 1}/${file.length}` } : {}),
    };
    answer.writeHead(from > 0 ? 206 : 200, headers);
    const cut = cuts.shift();
    if (cut === undefined) answer.end(file.subarray(from));
    else answer.write(file.subarray(from, from + cut), () => setTimeout(() => answer.destroy(), 5));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function fetched(url: string, signal = soon()): Promise<Buffer> {
  const source = httpSource(
    { url },
    { egress, readSecret: () => Promise.reject(new Error("unused")), idleMs: 5_000, retryPauseMs: 1 },
  );
  return Buffer.concat(await Array.fromAsync(source.bytes(signal)));
}

describe("a download that breaks off", () => {
  it("goes on where it was, wherever it breaks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (cuts, chunked) => {
          const { url, asked } = await serving({ cuts, chunked, etag: '"v1"' });
          expect((await fetched(url)).equals(FILE)).toBe(true);
          expect(asked[0]).toBeUndefined();
          for (const range of asked.slice(1)) expect(range).toMatch(/^bytes=[1-9]\d*-$/);
        },
      ),
      { numRuns: 15 },
    );
  });

  it("goes on by its date, where that is old enough to tell versions apart", async () => {
    const modified = new Date(Date.now() - 3_600_000).toUTCString();
    const settled = await serving({ cuts: [1000], modified });
    expect((await fetched(settled.url)).equals(FILE)).toBe(true);
    expect(settled.asked).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)]);
    const fresh = await serving({ cuts: [1000], modified: new Date().toUTCString() });
    await expect(failureOf(fetched(fresh.url))).resolves.toMatchObject({ broken: true });
  });

  it("reads over what it has, from a server that gives no parts", async () => {
    const { url, asked } = await serving({ cuts: [100_000, 200_000], etag: '"v1"', ranges: false });
    expect((await fetched(url)).equals(FILE)).toBe(true);
    expect(asked).toHaveLength(3);
  });

  it.each([
    ["no version", {}],
    ["a weak one", { etag: 'W/"v1"' }],
  ])("is begun anew by whoever wants it, where the server names %s", async (_, named) => {
    const { url, asked } = await serving({ cuts: [1000], ...named });
    await expect(failureOf(fetched(url))).resolves.toMatchObject({ transient: true, broken: true });
    expect(asked).toEqual([undefined]);
  });

  it("does not go on with another version, though the server would", async () => {
    const instead: Manners["instead"] = (request, answer, turn) => {
      if (turn === 0) return false;
      const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0]);
      answer.writeHead(206, { etag: '"v2"', "content-range": `bytes ${from}-299999/300000` });
      answer.end(OTHER.subarray(from));
      return true;
    };
    const { url } = await serving({ cuts: [1000], etag: '"v1"', instead });
    await expect(failureOf(fetched(url))).resolves.toMatchObject({ transient: true, broken: true });
  });

  it.each([
    ["another place", { "content-range": "bytes 200000-299999/300000", etag: '"v1"' }, 206],
    ["another size", { "content-range": "bytes 1000-399999/400000", etag: '"v1"' }, 206],
    ["no place", { etag: '"v1"' }, 206],
    ["nothing (416)", { "content-range": "bytes */500", etag: '"v1"' }, 416],
  ])("does not go on with %s", async (_, headers, status) => {
    const instead: Manners["instead"] = (_request, answer, turn) => {
      if (turn === 0) return false;
      answer.writeHead(status, headers).end("x".repeat(1000));
      return true;
    };
    const { url } = await serving({ cuts: [1000], etag: '"v1"', instead });
    await expect(failureOf(fetched(url))).resolves.toMatchObject({ transient: true, broken: true });
  });

  it("outlasts answers of a server that is restarted, and gives up where nothing comes any more", async () => {
    const busy: Manners["instead"] = (_request, answer, turn) => {
      if (turn === 0 || turn > 3) return false;
      answer.writeHead(503).end();
      return true;
    };
    const { url } = await serving({ cuts: [1000], etag: '"v1"', instead: busy });
    expect((await fetched(url)).equals(FILE)).toBe(true);
    const dead = await serving({
      cuts: [1000],
      etag: '"v1"',
      instead: (_r, a, turn) => turn > 0 && !!a.destroy(),
    });
    await expect(failureOf(fetched(dead.url))).resolves.toMatchObject({ transient: true, broken: true });
    expect(dead.asked.length).toBeLessThan(10);
  });

  it("arrives in the store with the digest of the whole; a changed file is begun anew", async () => {
    await using folder = await temporaryFolder();
    const store = new ManifestStore({
      dir: folder.path,
      maxBytes: 10 * FILE.length,
      maxManifestBytes: FILE.length,
      readConfigMap: () => Promise.reject(new Error("unused")),
      readSecret: () => Promise.reject(new Error("unused")),
      egress,
      retryPauseMs: 1,
    });
    const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
    const steady = await serving({ cuts: [100_000, 50_000], etag: '"v1"' });
    const source = { http: { url: steady.url }, sha256: digest(FILE) };
    await expect(store.fetch(source, {}, soon())).resolves.toMatchObject({ sha256: digest(FILE) });
    let etag = '"v1"';
    const instead: Manners["instead"] = (_request, answer, turn) => {
      if (turn === 0) return false;
      etag = '"v2"';
      answer.writeHead(200, { etag, "content-length": OTHER.length }).end(OTHER);
      return true;
    };
    const changing = await serving({ cuts: [100_000], etag, instead });
    const arrived = await store.fetch({ http: { url: changing.url } }, {}, soon());
    expect(arrived.sha256).toBe(digest(OTHER));
  });
});
