import { loadKubeConfig } from "../operator/runtime/kubeconfig.ts";
import { createLogger, describeError } from "../operator/runtime/logger.ts";
import { stopSignal } from "../operator/runtime/shutdown.ts";
import { startConsole } from "./console.ts";
import { readOptions } from "./options.ts";
import { Pages } from "./server/pages.ts";

const options = readOptions(process.argv, process.env);
const log = createLogger({ level: options.logLevel, app: "certferry-console" });

async function loadPages(): Promise<Pages> {
  if (options.pages !== undefined) return await Pages.from(options.pages);
  // The builder is there in a checkout only; an image has the pages.
  const { buildPages } = await import("./build/pages.ts");
  return new Pages(await buildPages());
}

try {
  const console = await startConsole({
    ...options,
    config: loadKubeConfig(options.kubeconfig, process.env),
    pages: await loadPages(),
    log,
  });
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
