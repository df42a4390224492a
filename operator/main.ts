import { KubeConfig } from "@kubernetes/client-node";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOperator } from "./operator.ts";
import { readOptions } from "./options.ts";
import { createLogger, describeError } from "./runtime/logger.ts";
import { stopSignal } from "./runtime/shutdown.ts";

const options = readOptions(process.argv, process.env);
const log = createLogger({ level: options.logLevel, name: "certferry" });

/** The kubeconfig that was named, or the pod's service account; never whatever context happens to be current. */
function loadKubeConfig(): KubeConfig {
  const config = new KubeConfig();
  if (options.kubeconfig !== undefined) config.loadFromFile(options.kubeconfig);
  else if (process.env["KUBERNETES_SERVICE_HOST"] !== undefined) config.loadFromCluster();
  else throw new Error("not in a cluster: say which one with --kubeconfig FILE");
  return config;
}

async function run(): Promise<void> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "certferry-")));
  try {
    await createOperator({ kubeConfig: loadKubeConfig(), options, dataDir, log }).run(stopSignal());
  } finally {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  }
}

try {
  await run();
} catch (error) {
  log.fatal({ err: describeError(error) }, "the operator has ended");
  process.exitCode = 1;
}
// A process that lost its lease must be gone, whatever is still open.
process.exit();
