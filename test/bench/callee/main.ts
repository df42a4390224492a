// A callee of interop v1 for benchmarks, in a process of its own: reads DER only and keeps no registry, so that
// what is measured is the sender. Prints one line of JSON with its port when it listens, on 127.0.0.1 over HTTP.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import type { StubManners } from "./manners.ts";
import { Callee } from "./callee.ts";

const { values } = parseArgs({
  options: { jwks: { type: "string" }, audience: { type: "string" }, manners: { type: "string" } },
});
const callee = new Callee({
  jwksFile: values.jwks ?? "",
  audience: values.audience ?? "",
  manners: JSON.parse(values.manners ?? "{}") as StubManners,
});
const server = createServer((incoming, outgoing) => {
  callee.handle(incoming, outgoing).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    outgoing.destroy();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
