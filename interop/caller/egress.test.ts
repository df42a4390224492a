import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startCloud, type TestCloud } from "../../test/clouds/index.ts";
import { EgressPolicy, type Resolve } from "../egress/policy.ts";
import { InteropCaller, type InteropTarget } from "./caller.ts";

const never = new AbortController().signal;
const AUTH = { username: "certferry", password: "let me in" };
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function callerWith(policy: EgressPolicy): InteropCaller {
  const caller = new InteropCaller({ egress: policy });
  closing.push(() => caller.close());
  return caller;
}

async function cloud(): Promise<TestCloud> {
  const started = await startCloud({ flavor: "azure", basic: AUTH });
  closing.push(() => started.stop());
  return started;
}

function target(url: string, caBundle?: string): InteropTarget {
  return { url, auth: { kind: "basic", ...AUTH }, ...(caBundle === undefined ? {} : { caBundle }) };
}

describe("what a cloud's name or answer may lead to", () => {
  it("is no other address than the one that was checked, at each connection anew", async () => {
    const there = await cloud();
    let address = "127.0.0.1";
    const rebinding: Resolve = (_name, callback) => callback(null, [{ address, family: 4 }]);
    const caller = callerWith(
      new EgressPolicy({ env: {}, allowCidrs: ["127.0.0.1/32"], resolve: rebinding }),
    );
    const url = there.url.replace("127.0.0.1", "localhost");
    await expect(caller.info(target(url, there.caPem), never)).resolves.toBeDefined();
    // Whoever owns the name leads it to a metadata service now; the connection that stands is cut.
    address = "169.254.169.254";
    await there.down();
    await there.up();
    await expect(caller.info(target(url, there.caPem), never)).rejects.toMatchObject({
      reason: "EgressRefused",
    });
    address = "127.0.0.1";
    await expect(caller.info(target(url, there.caPem), never)).resolves.toBeDefined();
  });

  it.each([301, 302, 303, 307, 308])(
    "is nothing by a redirect with %d: credentials stay here",
    async (status) => {
      const visits: (string | undefined)[] = [];
      const elsewhere = createServer((request, response) => {
        visits.push(request.headers.authorization);
        response.end("OK");
      });
      const port = await listening(elsewhere);
      const front = createServer((_request, response) => {
        response.writeHead(status, { location: `http://localhost:${port}/interop` }).end();
      });
      const caller = callerWith(new EgressPolicy({ env: {}, allowCidrs: ["127.0.0.1/32", "::1/128"] }));
      const url = `http://127.0.0.1:${await listening(front)}/interop`;
      await expect(caller.info(target(url), never)).rejects.toMatchObject({ reason: "NotAnInteropEndpoint" });
      expect(visits).toEqual([]);
    },
  );
});

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
