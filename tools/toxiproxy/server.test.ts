import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missingPart } from "../setup/missing-part.ts";
import { startToxiproxy, type Toxic, type ToxicProxy, type Toxiproxy } from "./server.ts";
import { findToxiproxy } from "./source.ts";

const missing = await missingPart(findToxiproxy());

describe.skipIf(missing !== undefined)(`toxiproxy${missing ?? ""}`, () => {
  let toxiproxy: Toxiproxy;
  let server: Server;
  let proxy: ToxicProxy;

  beforeAll(async () => {
    toxiproxy = await startToxiproxy();
    server = createServer((_, answer) => answer.end("x".repeat(4_000)));
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    proxy = await toxiproxy.open("way", (server.address() as AddressInfo).port);
  });

  afterAll(async () => {
    await toxiproxy?.stop();
    server?.closeAllConnections();
    server?.close();
  });

  /** Milliseconds until the whole answer is there; how it failed if it is not. */
  async function ask(): Promise<number | string> {
    const started = performance.now();
    try {
      const answer = await fetch(`http://127.0.0.1:${proxy.port}`, {
        signal: AbortSignal.timeout(1_500),
        headers: { connection: "close" },
      });
      const { length } = await answer.text();
      return length === 4_000 ? performance.now() - started : `${length} bytes`;
    } catch (error) {
      return error instanceof Error ? error.name : String(error);
    }
  }

  it("is known by its version, and where it is named, taken from there", async () => {
    const { path } = await findToxiproxy();
    const named = await findToxiproxy({ env: { CERTFERRY_TOXIPROXY: path } });
    expect(named).toEqual({ path, version: expect.stringMatching(/^2\.\d+\.\d+$/), origin: "environment" });
    const nowhere = findToxiproxy({ env: { CERTFERRY_TOXIPROXY: "/nowhere/toxiproxy" } });
    await expect(nowhere).rejects.toThrow(/^CERTFERRY_TOXIPROXY leads to \/nowhere\/toxiproxy/);
  });

  it("lets everything through as it is", async () => {
    expect(await ask()).toBeLessThan(300);
  });

  it.each<[Toxic, unknown]>([
    [{ type: "latency", latency: 400, jitter: 0 }, expect.toSatisfy((ms) => Number(ms) >= 390)],
    [{ type: "bandwidth", rate: 10 }, expect.toSatisfy((ms) => Number(ms) >= 300)],
    [{ type: "timeout", timeout: 100 }, "TypeError"],
    [{ type: "reset_peer", timeout: 0 }, "TypeError"],
    [
      { type: "slicer", average_size: 500, size_variation: 100, delay: 50_000 },
      expect.toSatisfy((ms) => Number(ms) >= 250),
    ],
  ])("%o makes itself felt, and not when it is taken off", async (toxic, expected) => {
    const remove = await proxy.add(toxic, "downstream");
    const felt = await ask();
    await remove();
    expect(felt).toEqual(expected);
    expect(await ask()).toBeLessThan(300);
  });
});
