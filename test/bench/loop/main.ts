// The tight loop in a process of its own. Prints one line of JSON with its port; each `POST /run` with a LoopJob
// is answered with its LoopResult, so that one process takes reel after reel, warm as the operator is.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { type LoopJob, runLoop } from "./run.ts";

const server = createServer((incoming, outgoing) => {
  const work = async (): Promise<void> => {
    const result = await runLoop((await json(incoming)) as LoopJob);
    outgoing.end(JSON.stringify(result));
  };
  work().catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    outgoing.writeHead(500).end(String(error));
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
