// `npm run control-plane [-- --data-dir DIR]`: a Kubernetes API server of one's own until Ctrl-C.
import { parseArgs } from "node:util";

import { startControlPlane } from "./launcher.ts";

const { values } = parseArgs({ options: { "data-dir": { type: "string" } } });
const log = (message: string): void => {
  process.stderr.write(`${message}\n`);
};
const dataDir = values["data-dir"];
const stopping = new AbortController();
process.on("SIGINT", () => stopping.abort());
process.on("SIGTERM", () => stopping.abort());

try {
  const controlPlane = await startControlPlane({
    log,
    signal: stopping.signal,
    ...(dataDir === undefined ? {} : { dataDir }),
  });
  log(`control plane: ready at ${controlPlane.url}; stop it with Ctrl-C. In another terminal:`);
  process.stdout.write(`export KUBECONFIG=${controlPlane.kubeconfig}\n`);
  const keepAlive = setInterval(() => {}, 60_000);
  if (!stopping.signal.aborted) {
    await new Promise((resolve) => stopping.signal.addEventListener("abort", resolve, { once: true }));
  }
  clearInterval(keepAlive);
  await controlPlane.stop();
} catch (error) {
  if (!stopping.signal.aborted) {
    log(`control plane: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
