import { Command, InvalidArgumentError, Option } from "commander";
import { isIP } from "node:net";
import { type ArchivePlace, archivePlace } from "./manifests/index.ts";
import { LOG_LEVELS, type LogLevel } from "./runtime/logger.ts";

/** What the operator is started with. */
export interface OperatorOptions {
  /** A kubeconfig's path; undefined inside a cluster. */
  readonly kubeconfig: string | undefined;
  readonly operatorNamespace: string;
  /** The accounts that are served; none: every namespace. */
  readonly watchNamespaces: readonly string[];
  readonly health: { readonly host: string; readonly port: number };
  /** Where metrics are served; undefined where they are not. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  readonly egressAllowCidrs: readonly string[];
  /** The cluster's own ranges as they were told, and the API server's address in it where that is known. */
  readonly clusterCidrs: readonly string[];
  /** Whether a service or pod range was told. */
  readonly clusterCidrsTold: boolean;
  readonly manifestRoot: string | undefined;
  /** Where validated manifests are kept for good; undefined where they are not. */
  readonly manifestArchive: ArchivePlace | undefined;
  /** Of this process alone; undefined for a temporary folder. */
  readonly dataDir: string | undefined;
  readonly maxManifestBytes: number;
  readonly logLevel: LogLevel;
  readonly leaderElect: boolean;
  /** Seconds that one request to the API server may take. */
  readonly requestTimeoutMs: number;
  /** How long a call to a product cloud may take. */
  readonly cloudDeadlineMs: number | undefined;
  /** How often clouds are asked how the devices stand that they were given; 0: not of itself. */
  readonly checkEveryMs: number;
}

/**
 * Reads the command line. `--help` and mistakes end the process as commander does.
 * @param argv as `process.argv`; @param env for the defaults that a Deployment sets.
 */
export function readOptions(argv: readonly string[], env: NodeJS.ProcessEnv): OperatorOptions {
  const command = new Command("operator")
    .description(
      "Certferry's operator: binds device batches and ferries their certificates to product clouds.",
    )
    .option("--kubeconfig <file>", "how to reach the cluster (inside a cluster: leave it out)")
    .option(
      "--operator-namespace <name>",
      "where the lease, signing keys, and reels' ConfigMaps and Secrets are",
      env["POD_NAMESPACE"] ?? "certferry-system",
    )
    .addOption(
      new Option(
        "--watch-namespace <name>",
        "serve this account only, and ask for no rights in others; repeatable",
      )
        .argParser(collectNamespace)
        .default([], "every namespace"),
    )
    .addOption(
      new Option(
        "--health-address <host:port>",
        "where /livez and /readyz are served; port 0 takes a free one",
      )
        .argParser(address)
        .default({ host: "0.0.0.0", port: 8081 }, "0.0.0.0:8081"),
    )
    .addOption(
      new Option(
        "--metrics-address <host:port>",
        "where /metrics is served, over plain HTTP; port 0 takes a free one, `off` serves none",
      )
        .argParser((value) => (value === "off" ? undefined : address(value)))
        .default({ host: "0.0.0.0", port: 8080 }, "0.0.0.0:8080"),
    )
    .addOption(
      new Option(
        "--egress-allow-cidr <cidr>",
        "an address range that may be called although it is refused by default (loopback, link-local …); repeatable",
      )
        .argParser(collectCidr)
        .default([], "none"),
    )
    .addOption(
      new Option(
        "--cluster-cidr <cidr>",
        "a service or pod range of the cluster itself, which is not called; repeatable",
      )
        .argParser(collectCidr)
        .default([], "none"),
    )
    .option("--manifest-root <dir>", "the folder that spec.manifest.file.path of reels is read under")
    .addOption(
      new Option(
        "--manifest-archive <place>",
        "a folder, or s3://bucket/prefix, where manifests are kept by digest once they were read, for clouds that are added when their sources have gone (default: nowhere)",
      ).argParser(archive),
    )
    .option(
      "--data-dir <dir>",
      "where manifests are kept until room is needed, for this process alone (default: a temporary folder)",
    )
    .option("--max-manifest-mib <n>", "the largest manifest that is read, unpacked, in MiB", positive, 4_096)
    .option("--request-timeout <seconds>", "how long a request to the API server may take", seconds, 30)
    .option("--cloud-deadline <seconds>", "how long a call to a product cloud may take", seconds)
    .addOption(
      new Option(
        "--check-every <time>",
        "how often clouds that can tell are asked how the devices stand that they were given, such as 12h or 30m; 0: only after provisioning and on request",
      )
        .argParser(duration)
        .default(DAY_MS, "24h"),
    )
    .option("--no-leader-elect", "work without holding the lease (only one operator may run then)")
    .addOption(new Option("--log-level <level>", "how much is logged").choices(LOG_LEVELS).default("info"));
  const flags = command.parse(argv).opts<{
    kubeconfig?: string;
    operatorNamespace: string;
    watchNamespace: string[];
    healthAddress: { host: string; port: number };
    metricsAddress?: { host: string; port: number };
    egressAllowCidr: string[];
    clusterCidr: string[];
    manifestRoot?: string;
    manifestArchive?: ArchivePlace;
    dataDir?: string;
    maxManifestMib: number;
    requestTimeout: number;
    cloudDeadline?: number;
    checkEvery: number;
    leaderElect: boolean;
    logLevel: LogLevel;
  }>();
  return {
    kubeconfig: flags.kubeconfig,
    operatorNamespace: flags.operatorNamespace,
    watchNamespaces: flags.watchNamespace,
    health: flags.healthAddress,
    metrics: flags.metricsAddress,
    egressAllowCidrs: flags.egressAllowCidr,
    clusterCidrs: [...flags.clusterCidr, ...apiServerAddress(env)],
    clusterCidrsTold: flags.clusterCidr.length > 0,
    manifestRoot: flags.manifestRoot,
    manifestArchive: flags.manifestArchive,
    dataDir: flags.dataDir,
    maxManifestBytes: flags.maxManifestMib * 1024 * 1024,
    logLevel: flags.logLevel,
    leaderElect: flags.leaderElect,
    requestTimeoutMs: flags.requestTimeout * 1_000,
    cloudDeadlineMs: flags.cloudDeadline === undefined ? undefined : flags.cloudDeadline * 1_000,
    checkEveryMs: flags.checkEvery,
  };
}

/** Whether an operator in a cluster cannot tell the cluster's Services and pods from private product clouds. */
export function clusterRangesUnknown(options: OperatorOptions): boolean {
  return options.kubeconfig === undefined && !options.clusterCidrsTold;
}

/** What a pod's environment says of the cluster's ranges: the API server's Service. Some clusters give a name there. */
function apiServerAddress(env: NodeJS.ProcessEnv): string[] {
  const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
  return isIP(host) === 0 ? [] : [host];
}

function address(value: string): { host: string; port: number } {
  const at = value.lastIndexOf(":");
  const port = Number(value.slice(at + 1));
  if (at < 0 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError("give host:port, such as 127.0.0.1:8081 or :8081");
  }
  return { host: value.slice(0, at).replaceAll(/^\[|\]$/gu, "") || "0.0.0.0", port };
}

function collectNamespace(value: string, before: string[]): string[] {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/u.test(value)) {
    throw new InvalidArgumentError("give the name of a namespace, such as acme");
  }
  return before.includes(value) ? before : [...before, value];
}

function collectCidr(value: string, before: string[]): string[] {
  const [ip = "", bits, ...rest] = value.split("/");
  const version = isIP(ip);
  const length = Number(bits);
  if (
    version === 0 ||
    bits === undefined ||
    rest.length > 0 ||
    !(length >= 0 && length <= (version === 4 ? 32 : 128))
  ) {
    throw new InvalidArgumentError("give an address range such as 10.0.0.0/8 or fd00::/8");
  }
  return [...before, value];
}

function archive(value: string): ArchivePlace {
  try {
    return archivePlace(value);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function positive(value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError("give a number above 0");
  return number;
}

const DAY_MS = 86_400_000;
const LONGEST_DAYS = 20;
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000 };

/** Milliseconds of a time such as 24h, 90m or 45s; 0 is 0. */
function duration(value: string): number {
  if (value === "0") return 0;
  const [, number = "", unit = ""] = /^(\d{1,7})([hms])$/u.exec(value) ?? [];
  const ms = Number(number) * (UNITS[unit] ?? 0);
  if (ms === 0) throw new InvalidArgumentError("give a time such as 24h, 90m or 45s, or 0 for never");
  // A longer one would overflow a timer.
  if (ms > LONGEST_DAYS * DAY_MS)
    throw new InvalidArgumentError(
      `give at most ${LONGEST_DAYS * 24}h (${LONGEST_DAYS} days), or 0 for never`,
    );
  return ms;
}

/** A longer one would overflow a timer, which then fires at once. */
const MAX_SECONDS = 86_400;

function seconds(value: string): number {
  const number = positive(value);
  if (number > MAX_SECONDS) throw new InvalidArgumentError(`give at most ${MAX_SECONDS} seconds (a day)`);
  return number;
}
