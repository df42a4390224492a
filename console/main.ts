import { KubeConfig } from "@kubernetes/client-node";
import { createLogger, describeError } from "../operator/runtime/logger.ts";
import { stopSignal } from "../operator/runtime/shutdown.ts";
import { startConsole } from "./console.ts";
import { readOptions } from "./options.ts";
import { Pages } from "./server/pages.ts";

const options = readOptions(process.argv, process.env);
const log = createLogger({ level: options.logLevel, app: "certferry-console" });

/** The kubeconfig that was named, or the pod's service account; never whatever context happens to be current. */
function loadKubeConfig(): KubeConfig {
  const config = new KubeConfig();
  if (options.kubeconfig !== undefined) config.loadFromFile(options.kubeconfig);
  else if (process.env["KUBERNETES_SERVICE_HOST"] !== undefined) config.loadFromCluster();
  else throw new Error("not in a cluster: say which one with --kubeconfig FILE");
  return config;
}

async function loadPages(): Promise<Pages> {
  if (options.pages !== undefined) return await Pages.from(options.pages);
  // The builder is there in a checkout only; an image has the pages.
  const { buildPages } = await import("./build/pages.ts");
  return new Pages(await buildPages());
}

try {
  const console = await startConsole({ ...options, config: loadKubeConfig(), pages: await loadPages(), log });
  const signal = stopSignal();
  if (!signal.aborted) {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }
  await console.stop();
} catch (error) {
  log.fatal({ err: describeError(error) }, "the console has ended");
  process.exitCode = 1;
}
process.exit();
