import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { API_VERSION, type Reel } from "../../../crds/index.ts";
import { EgressPolicy } from "../../../interop/egress/policy.ts";
import { createIssuer, manifestCsv } from "../../../tools/factory/index.ts";
import { ManifestStore } from "../../manifests/index.ts";
import { temporaryFolder } from "../../manifests/testing.ts";
import { ReelContents } from "../../provisioning/reel-contents.ts";
import { systemClock } from "../../runtime/clock.ts";
import { silentLogger } from "../../runtime/logger.ts";
import { ReelInspector } from "./inspector.ts";

const issuer = await createIssuer();

interface Bench {
  inspector: ReelInspector;
  /** Ends when the reel's inspection has. */
  ended: (reel: string) => Promise<void>;
  reel: (name: string, path: string) => Reel;
}

/** A server that gives `/good/<batch>` at once and never ends `/drip`. */
async function bench(): Promise<Bench> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const dripping = new Set<ServerResponse>();
  const server = createServer((request, answer) => {
    const batchId = request.url?.startsWith("/good/") === true ? request.url.slice(6) : undefined;
    if (batchId === undefined) {
      dripping.add(answer);
      answer.write("device_id");
    } else {
      void issuer.issueDevice({ batchId }).then((device) => answer.end(manifestCsv([device], { batchId })));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const waiting = new Map<string, () => void>();
  const inspector = new ReelInspector({
    contents: new ReelContents(
      new ManifestStore({
        dir: folder.path,
        maxBytes: 1024 ** 2,
        maxManifestBytes: 1024 ** 2,
        readConfigMap: () => Promise.reject(new Error("unused")),
        readSecret: () => Promise.reject(new Error("unused")),
        egress: new EgressPolicy({ allowCidrs: ["127.0.0.0/8"], env: {} }),
      }),
    ),
    clock: systemClock,
    log: silentLogger,
    reading: 1,
    changed: (reel) => waiting.get(reel)?.(),
  });
  onTestFinished(() => {
    inspector.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    inspector,
    ended: (reel) => new Promise((resolve) => waiting.set(reel, resolve)),
    reel: (name, path) => ({
      apiVersion: API_VERSION,
      kind: "Reel",
      metadata: { name, generation: 1 },
      spec: { batchId: name, manifest: { http: { url: `http://127.0.0.1:${port}${path}` } } },
    }),
  };
}

describe("ReelInspector", () => {
  it("reads the others' manifests while servers take their time", async () => {
    const { inspector, ended, reel } = await bench();
    for (const name of ["s1", "s2", "s3"]) {
      expect(inspector.inspection(reel(name, `/drip/${name}`)).state).toBe("running");
    }
    const names = ["g1", "g2", "g3"];
    const all = Promise.all(names.map(ended));
    for (const name of names) inspector.inspection(reel(name, `/good/${name}`));
    await all;
    for (const name of names) {
      expect(inspector.inspection(reel(name, `/good/${name}`))).toMatchObject({
        state: "ready",
        summary: { devices: 1 },
      });
    }
    expect(inspector.inspection(reel("s1", "/drip/s1")).state).toBe("running");
  });
});
