import { createHash, timingSafeEqual } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { IncomingMessage } from "node:http";
import { dirname, join, posix } from "node:path";

import type { Reel } from "../../crds/index.ts";
import { DUMMY_REELS, createIssuer, manifest7z, manifestCsv } from "../factory/index.ts";
import type { ServerCertificate } from "../factory/index.ts";
import { SPARE } from "./samples.ts";

export interface Manifest {
  readonly batchId: string;
  readonly devices: number;
  /** As a reel's source names it, such as D002.7z. */
  readonly fileName: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/**
 * Manifests of new devices for the given reels, each in the form that the reel's source names: a CSV, or a CSV
 * packed as .7z.
 * @throws Error for a reel that is neither a dummy reel nor the spare one
 */
export async function makeManifests(reels: readonly Reel[]): Promise<Map<string, Manifest>> {
  const issuer = await createIssuer();
  const deviceCounts = new Map(DUMMY_REELS.map((dummy) => [dummy.batchId, dummy.devices]));
  deviceCounts.set(SPARE.reel.spec.batchId, SPARE.devices);
  const manifests = new Map<string, Manifest>();
  for (const reel of reels) {
    const { batchId } = reel.spec;
    const count = deviceCounts.get(batchId);
    if (count === undefined) throw new Error(`the sample reel ${batchId} is none of the dummy reels`);
    const devices = await issuer.issueMany(count, { batchId });
    const csv = manifestCsv(devices, { batchId });
    const fileName = fileNameOf(reel);
    const bytes = fileName.endsWith(".7z") ? await manifest7z(csv, `${batchId}.csv`) : Buffer.from(csv);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    manifests.set(batchId, { batchId, devices: count, fileName, bytes, sha256 });
  }
  return manifests;
}

function fileNameOf(reel: Reel): string {
  const { configMap, http, file } = reel.spec.manifest;
  const path = configMap?.key ?? file?.path ?? (http === undefined ? undefined : new URL(http.url).pathname);
  if (path === undefined)
    throw new Error(`the demo has no source of the kind that ${reel.metadata.name} names`);
  return posix.basename(path);
}

/** Lays the manifests of reels with a file source into a folder, as it is mounted into the operator. */
export async function layFiles(
  folder: string,
  reels: readonly Reel[],
  manifests: ReadonlyMap<string, Manifest>,
): Promise<void> {
  for (const { spec } of reels) {
    const manifest = manifests.get(spec.batchId);
    if (spec.manifest.file === undefined || manifest === undefined) continue;
    const path = join(folder, spec.manifest.file.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, manifest.bytes);
  }
}

export interface ManifestServer {
  /** As https://127.0.0.1:PORT */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * The vendor's web server: gives each manifest out by its file name, to those who know the password of that
 * file, if it has one.
 */
export async function serveManifests(options: {
  readonly manifests: readonly Manifest[];
  readonly tls: ServerCertificate;
  readonly logins: ReadonlyMap<string, { username: string; password: string }>;
}): Promise<ManifestServer> {
  const byName = new Map(options.manifests.map((manifest) => [manifest.fileName, manifest]));
  const server = createServer({ key: options.tls.keyPem, cert: options.tls.certPem }, (request, response) => {
    const url = URL.parse(request.url ?? "/", "https://localhost");
    if (url === null) {
      response.writeHead(400).end();
      return;
    }
    const name = posix.basename(url.pathname);
    const manifest = byName.get(name);
    const login = options.logins.get(name);
    if (login !== undefined && !isLoggedIn(request, login)) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="manifests"' }).end();
    } else if (manifest === undefined) {
      response.writeHead(404).end();
    } else {
      const headers = { "content-type": "application/octet-stream", "content-length": manifest.bytes.length };
      response.writeHead(200, headers).end(manifest.bytes);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("the manifest server has no TCP address");
  return {
    url: `https://127.0.0.1:${address.port}`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function isLoggedIn(request: IncomingMessage, login: { username: string; password: string }): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const wanted = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  return timingSafeEqual(digest(request.headers.authorization ?? ""), digest(wanted));
}
