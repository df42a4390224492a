import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { KubeConfig, type User } from "@kubernetes/client-node";
import { CliError, EXIT } from "../exit.ts";
import type { Io } from "../io.ts";

/** How a cluster is named on the command line, in kubectl's words. */
export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  /** A user to act as. */
  readonly as?: string;
  /** Groups to act as one of, beside `as`. */
  readonly asGroup?: readonly string[];
  /** Milliseconds. */
  readonly requestTimeout?: number;
}

/** Which cluster, as whom, in which namespace. */
export interface ChosenCluster {
  readonly config: KubeConfig;
  readonly namespace: string;
  /** The context's name, for messages. */
  readonly context: string;
  /** The user's name in the kubeconfig, or who is acted as. */
  readonly user: string;
  /** Groups that are acted as, in place of the user's own. */
  readonly groups: readonly string[];
}

const IN_CLUSTER = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the kubeconfig as kubectl does: `--kubeconfig`, else the files of KUBECONFIG merged, else ~/.kube/config, else
 * the Pod's own ServiceAccount.
 * @throws CliError when none is there, or the context is not in it, or groups are to be acted as without a user
 */
export async function chooseCluster(flags: ClusterFlags, env: Io["env"]): Promise<ChosenCluster> {
  const { config, places } = await read(flags, env);
  if (flags.context !== undefined) {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(flags.context)) {
      throw new CliError(
        EXIT.usage,
        `there is no context ${JSON.stringify(flags.context)} in ${places}`,
        known.length === 0 ? undefined : `The contexts are: ${known.join(", ")}`,
      );
    }
    config.setCurrentContext(flags.context);
  }
  const context = config.getContextObject(config.getCurrentContext());
  if (context === null || config.getCurrentCluster() === null) {
    throw new CliError(
      EXIT.usage,
      `${places} names no cluster to use`,
      "Name a context with --context, or set one: kubectl config use-context NAME",
    );
  }
  const namespace = flags.namespace ?? (context.namespace || "default");
  checkNamespace(namespace);
  const { asGroup: groups = [] } = flags;
  const acts = flags.as !== undefined || config.getCurrentUser()?.impersonateUser !== undefined;
  if (groups.length > 0 && !acts) {
    throw new CliError(EXIT.usage, "--as-group needs --as", "Say whom to act as: --as USER --as-group GROUP");
  }
  const chosen = flags.as === undefined ? config : actingAs(config, flags.as);
  return {
    config: chosen,
    namespace,
    context: config.getCurrentContext(),
    user: flags.as ?? context.user,
    groups,
  };
}

async function read(flags: ClusterFlags, env: Io["env"]): Promise<{ config: KubeConfig; places: string }> {
  if (flags.kubeconfig !== undefined) {
    const config = await readOne(flags.kubeconfig);
    if (config !== undefined) return { config, places: flags.kubeconfig };
    throw new CliError(EXIT.usage, `the kubeconfig ${flags.kubeconfig} does not exist`);
  }
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  const files = listed.length > 0 ? listed : [join(env["HOME"] ?? homedir(), ".kube", "config")];
  const found: KubeConfig[] = [];
  for (const file of files) {
    const config = await readOne(file);
    if (config !== undefined) found.push(config);
  }
  const places = files.join(", ");
  if (found.length > 0) return { config: merged(found), places };
  const inCluster = listed.length === 0 && env["KUBERNETES_SERVICE_HOST"] !== undefined;
  if (inCluster) return { config: await ownAccount(), places: "the Pod's ServiceAccount" };
  throw new CliError(
    EXIT.usage,
    `there is no kubeconfig: ${places} does not exist`,
    "Name one with --kubeconfig FILE or KUBECONFIG, or let your cluster's own tool write ~/.kube/config",
  );
}

async function readOne(file: string): Promise<KubeConfig | undefined> {
  try {
    const text = await readFile(file, "utf8");
    const config = new KubeConfig();
    config.loadFromString(text);
    config.makePathsAbsolute(dirname(file));
    return config;
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
    if (code === "ENOENT") return undefined;
    const why = typeof code === "string" ? `cannot be read (${code})` : "is no kubeconfig";
    // Without the parser's words: they may quote a token.
    throw new CliError(EXIT.usage, `the kubeconfig ${file} ${why}`);
  }
}

/** As kubectl merges: of two of one name the first counts, and so does the first current context. */
function merged(configs: readonly KubeConfig[]): KubeConfig {
  const first = <T extends { name: string }>(lists: readonly T[][]): T[] => [
    ...new Map(
      lists
        .flat()
        .toReversed()
        .map((each) => [each.name, each]),
    ).values(),
  ];
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: first(configs.map((each) => each.clusters ?? [])),
    users: first(configs.map((each) => each.users ?? [])),
    contexts: first(configs.map((each) => each.contexts ?? [])),
    currentContext: configs.find((each) => (each.currentContext ?? "") !== "")?.currentContext ?? "",
  });
  return config;
}

async function ownAccount(): Promise<KubeConfig> {
  const config = new KubeConfig();
  config.loadFromCluster();
  const namespace = await readFile(join(IN_CLUSTER, "namespace"), "utf8").catch(() => "default");
  const contexts = config.contexts.map((context) => ({ ...context, namespace: namespace.trim() }));
  const { clusters, users, currentContext } = config;
  config.loadFromOptions({ clusters, users, contexts, currentContext });
  return config;
}

function actingAs(config: KubeConfig, impersonateUser: string): KubeConfig {
  const { clusters, contexts, currentContext } = config;
  const name = config.getContextObject(currentContext)?.user;
  const users = config.users.map((user): User => (user.name === name ? { ...user, impersonateUser } : user));
  const acting = new KubeConfig();
  acting.loadFromOptions({ clusters, users, contexts, currentContext });
  return acting;
}

function checkNamespace(namespace: string): void {
  if (/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) return;
  throw new CliError(
    EXIT.usage,
    `${JSON.stringify(namespace)} is no name of a namespace`,
    "Give lower-case letters, digits and hyphens: -n acme",
  );
}
