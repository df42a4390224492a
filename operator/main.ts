import { rm } from "node:fs/promises";
import { createDataFolder } from "./data-folder.ts";
import { createOperator } from "./operator.ts";
import { clusterRangesUnknown, readOptions } from "./options.ts";
import { loadKubeConfig } from "./runtime/kubeconfig.ts";
import { createLogger, describeError, LevelSwitch } from "./runtime/logger.ts";
import { stopSignal } from "./runtime/shutdown.ts";

const options = readOptions(process.argv, process.env);
const logLevel = new LevelSwitch(options.logLevel);
const log = createLogger({ level: logLevel, app: "certferry" });

async function run(): Promise<void> {
  if (clusterRangesUnknown(options)) {
    log.warn(
      "the cluster's service and pod ranges are not known, so a CloudApi or Reel may name addresses in them: give both with --cluster-cidr",
    );
  }
  const dataDir = options.dataDir ?? (await createDataFolder());
  try {
    await createOperator({
      kubeConfig: loadKubeConfig(options.kubeconfig, process.env),
      options,
      dataDir,
      log,
      logLevel,
    }).run(stopSignal());
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
