import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";

import { processIsAlive } from "../process/liveness.ts";
import { findControlPlane, startControlPlane } from "./launcher.ts";
import type { ControlPlane } from "./launcher.ts";

interface Answer {
  readonly status: number;
  readonly body: { metadata: { resourceVersion: string; uid: string }; code?: number; reason?: string };
}

/** One call of the API with the kubeconfig's credentials. A watch is answered with its first event. */
async function call(plane: ControlPlane, method: string, path: string, body?: unknown): Promise<Answer> {
  const config = parse(await readFile(plane.kubeconfig, "utf8")) as {
    clusters: [{ cluster: { server: string; "certificate-authority-data": string } }];
    users: [{ user: { token: string } }];
  };
  const { cluster } = config.clusters[0];
  return await new Promise((resolve, reject) => {
    const call = request(
      new URL(path, cluster.server),
      {
        method,
        agent: new Agent({ keepAlive: false }),
        ca: Buffer.from(cluster["certificate-authority-data"], "base64"),
        headers: {
          authorization: `Bearer ${config.users[0].user.token}`,
          "content-type": "application/json",
        },
        signal: AbortSignal.timeout(15_000),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
          if (!path.includes("watch=1") || !text.includes("\n")) return;
          resolve({ status: response.statusCode ?? 0, body: eventObject(text) });
          response.destroy();
        });
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answer["body"] });
        });
      },
    );
    call.on("error", reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function eventObject(stream: string): Answer["body"] {
  const line = JSON.parse(stream.slice(0, stream.indexOf("\n"))) as Answer["body"] & {
    object?: Answer["body"];
  };
  return line.object ?? line;
}

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const configMap = (name: string): unknown => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });

describe("a control plane of one's own", () => {
  let plane: ControlPlane;

  beforeAll(async () => {
    plane = await startControlPlane({ extraArgs: ["--watch-cache=false"] });
  });

  afterAll(async () => {
    await plane.stop();
  });

  it("serves the API at its address", async () => {
    expect(plane.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const created = await call(plane, "POST", CONFIG_MAPS, configMap("first"));
    expect(created.status).toBe(201);
  });

  it("answers a watch from before a compaction with 410", async () => {
    const { body } = await call(plane, "POST", CONFIG_MAPS, configMap("old"));
    const old = body.metadata.resourceVersion;
    const watch = `${CONFIG_MAPS}?watch=1&resourceVersion=${old}`;
    await call(plane, "POST", CONFIG_MAPS, configMap("newer"));
    expect((await call(plane, "GET", watch)).body.code).toBeUndefined();

    await call(plane, "POST", CONFIG_MAPS, configMap("newest"));
    await plane.compact();
    expect((await call(plane, "GET", watch)).body).toMatchObject({ code: 410, reason: "Expired" });
  });

  it("answers nothing while it is paused, and goes on afterwards", async () => {
    plane.pause();
    const answer = call(plane, "GET", "/version");
    try {
      const first = await Promise.race([
        answer,
        new Promise((resolve) => setTimeout(resolve, 300, "silence")),
      ]);
      expect(first).toBe("silence");
    } finally {
      plane.resume();
    }
    expect((await answer).status).toBe(200);
  });

  it("keeps data, port and credentials when it is killed and started again", async () => {
    const before = { url: plane.url, pid: plane.pid };
    const created = await call(plane, "POST", CONFIG_MAPS, configMap("kept"));
    await plane.kill();
    expect(processIsAlive(before.pid)).toBe(false);
    await expect(call(plane, "GET", CONFIG_MAPS)).rejects.toThrow(/ENOENT|ECONNREFUSED/);

    await plane.restart();
    expect(plane.url).toBe(before.url);
    const found = await call(plane, "GET", `${CONFIG_MAPS}/kept`);
    expect(found.body.metadata.uid).toBe(created.body.metadata.uid);
  });

  it("restarts while it runs", async () => {
    const { pid, url } = plane;
    await plane.restart();
    expect({ same: plane.pid === pid, url: plane.url }).toEqual({ same: false, url });
    expect((await call(plane, "GET", `${CONFIG_MAPS}/kept`)).status).toBe(200);
  });

  it("leaves nothing when it is stopped", async () => {
    const other = await startControlPlane();
    await other.stop();
    expect(processIsAlive(other.pid)).toBe(false);
    await expect(access(other.dataDir)).rejects.toThrow();
  });

  it("says what the API server said when it cannot start", async () => {
    await expect(startControlPlane({ extraArgs: ["--no-such-flag"] })).rejects.toThrow(
      /unknown flag: --no-such-flag/,
    );
  });
});

describe("a control plane whose port was taken meanwhile", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "certferry-launcher-"));
  });

  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  /** A program that loses its port at its first starts, and keeps a list of its data folders. */
  async function unlucky(failures: number): Promise<{ path: string; folders: () => Promise<string[]> }> {
    const path = join(folder, `unlucky-${failures}`);
    const list = `${path}.list`;
    const script = `#!/bin/sh
echo "$2" >> '${list}'
if [ "$(wc -l < '${list}')" -le ${failures} ]; then
  echo 'listen tcp 127.0.0.1:6443: bind: address already in use' >&2
  exit 1
fi
echo 'control-plane ready: https://127.0.0.1:6443'
exec sleep 60
`;
    await writeFile(path, script, { mode: 0o755 });
    return { path, folders: async () => (await readFile(list, "utf8")).trim().split("\n") };
  }

  it("is started again in a fresh folder, a few times", async () => {
    const { path, folders } = await unlucky(2);
    const plane = await startControlPlane({ source: { kind: "program", path, origin: "environment" } });
    await plane.stop();
    const used = await folders();
    expect(new Set(used).size).toBe(3);
    for (const each of used) await expect(access(each)).rejects.toThrow("ENOENT");
  });

  it("is given up after three, with what it said", async () => {
    const { path, folders } = await unlucky(9);
    const source = { kind: "program", path, origin: "environment" } as const;
    await expect(startControlPlane({ source })).rejects.toThrow("address already in use");
    expect(await folders()).toHaveLength(3);
  });
});

describe("finding a control plane", () => {
  it("names the variable that leads nowhere", async () => {
    await expect(findControlPlane({ env: { CERTFERRY_CONTROL_PLANE: "/nowhere/x" } })).rejects.toThrow(
      /^CERTFERRY_CONTROL_PLANE leads to \/nowhere\/x/,
    );
    await expect(findControlPlane({ env: { KUBEBUILDER_ASSETS: "/nowhere" } })).rejects.toThrow(
      /^KUBEBUILDER_ASSETS leads to \/nowhere\/etcd/,
    );
  });

  it("says what to install when nothing is built and there is no Go", async () => {
    const empty = await mkdtemp(join(tmpdir(), "certferry-cache-"));
    try {
      await expect(findControlPlane({ env: { XDG_CACHE_HOME: empty, PATH: empty } })).rejects.toThrow(
        /Install Go/,
      );
    } finally {
      await rm(empty, { recursive: true, force: true });
    }
  });
});
