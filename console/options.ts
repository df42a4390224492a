import { Command, InvalidArgumentError, Option } from "commander";
import { readFileSync } from "node:fs";
import { LOG_LEVELS } from "../operator/runtime/logger.ts";
import type { LogLevel } from "../operator/runtime/logger.ts";
import { accountName } from "./actions/names.ts";
import type { OidcOptions } from "./people/oidc.ts";

/** What the console is started with. */
export interface ConsoleOptions {
  /** A kubeconfig's path; undefined inside a cluster. */
  readonly kubeconfig: string | undefined;
  readonly address: { readonly host: string; readonly port: number };
  readonly publicUrl: URL;
  readonly qrBase: URL;
  readonly accounts: readonly string[];
  /** Where the built pages are; undefined: they are built at the start. */
  readonly pages: string | undefined;
  readonly tokens: boolean;
  readonly oidc: OidcOptions | undefined;
  readonly behindProxy: boolean;
  readonly operatorNamespace: string;
  readonly egressAllowCidrs: readonly string[];
  readonly clusterCidrs: readonly string[];
  readonly logLevel: LogLevel;
}

interface Flags {
  readonly kubeconfig?: string;
  readonly address: { host: string; port: number };
  readonly publicUrl: URL;
  readonly qrBase?: URL;
  readonly account: string[];
  readonly pages?: string;
  readonly tokenSignIn: boolean;
  readonly oidcIssuer?: URL;
  readonly oidcClientId?: string;
  readonly oidcClientSecretFile?: string;
  readonly oidcLabel: string;
  readonly oidcScope: string[];
  readonly oidcUsernameClaim: string;
  readonly oidcGroupsClaim: string;
  readonly oidcUsernamePrefix: string;
  readonly oidcGroupsPrefix: string;
  readonly oidcGroup: string[];
  readonly behindProxy: boolean;
  readonly operatorNamespace: string;
  readonly egressAllowCidr: string[];
  readonly clusterCidr: string[];
  readonly logLevel: LogLevel;
}

/** Reads the command line. `--help` and mistakes end the process as commander does. */
export function readOptions(argv: readonly string[], env: NodeJS.ProcessEnv): ConsoleOptions {
  const command = new Command("console")
    .description("Certferry's console: a web server for the people who bind, provision and look.")
    .option("--kubeconfig <file>", "how to reach the cluster (inside a cluster: leave it out)")
    .option("--address <host:port>", "where to listen; port 0 takes a free one", address, {
      host: "127.0.0.1",
      port: 8090,
    })
    .requiredOption(
      "--public-url <url>",
      "how browsers reach the console: https://…, or http:// on this machine",
      webAddress,
    )
    .option("--qr-base <url>", "what the QR codes of reels lead to (the public URL)", webAddress)
    .option(
      "--account <name>",
      "an account that is served; repeatable (every namespace with the account's label)",
      account,
      [],
    )
    .option("--pages <dir>", "the built pages (they are built at the start)")
    .option("--no-token-sign-in", "take no Kubernetes tokens, only the provider's word")
    .option("--oidc-issuer <url>", "the OpenID provider that people sign in at", webAddress)
    .option("--oidc-client-id <id>", "what this console is to the provider")
    .option("--oidc-client-secret-file <file>", "a file with the secret that goes with it")
    .option("--oidc-label <text>", "what the button says", "Sign in")
    .option(
      "--oidc-scope <scope>",
      "what is asked of the provider; repeatable (openid, email, profile, groups)",
      collect,
      [],
    )
    .option("--oidc-username-claim <claim>", "which claim is a person's name in the cluster", "email")
    .option("--oidc-groups-claim <claim>", "which claim holds their groups", "groups")
    .option("--oidc-username-prefix <text>", "put before names, as the API server's own flag does", "oidc:")
    .option("--oidc-groups-prefix <text>", "put before groups", "oidc:")
    .option(
      "--oidc-group <name>",
      "a group, with its prefix, that people may come with; repeatable",
      collect,
      [],
    )
    .option(
      "--behind-proxy",
      "count tries by the last address of X-Forwarded-For, which the proxy must set",
      false,
    )
    .option(
      "--operator-namespace <name>",
      "where reels' ConfigMaps and Secrets are",
      env["POD_NAMESPACE"] ?? "certferry-system",
    )
    .option(
      "--egress-allow-cidr <cidr>",
      "a range that may be called for a manifest; repeatable",
      collect,
      [],
    )
    .option("--cluster-cidr <cidr>", "a range of the cluster's own, which may not; repeatable", collect, [])
    .addOption(new Option("--log-level <level>", "how much is logged").choices(LOG_LEVELS).default("info"));
  const flags = command.parse([...argv]).opts<Flags>();
  const oidc = oidcOf(command, flags);
  if (oidc === undefined && !flags.tokenSignIn) {
    command.error("nobody could sign in: give --oidc-issuer, or leave out --no-token-sign-in");
  }
  return {
    kubeconfig: flags.kubeconfig,
    address: flags.address,
    publicUrl: flags.publicUrl,
    qrBase: flags.qrBase ?? flags.publicUrl,
    accounts: flags.account,
    pages: flags.pages,
    tokens: flags.tokenSignIn,
    oidc,
    behindProxy: flags.behindProxy,
    operatorNamespace: flags.operatorNamespace,
    egressAllowCidrs: flags.egressAllowCidr,
    clusterCidrs: flags.clusterCidr,
    logLevel: flags.logLevel,
  };
}

function oidcOf(command: Command, flags: Flags): OidcOptions | undefined {
  const { oidcClientId, oidcClientSecretFile, oidcIssuer } = flags;
  if (oidcIssuer === undefined) return undefined;
  if (oidcClientId === undefined) command.error("--oidc-issuer needs --oidc-client-id");
  return {
    issuer: oidcIssuer,
    clientId: oidcClientId,
    clientSecret:
      oidcClientSecretFile === undefined ? undefined : readFileSync(oidcClientSecretFile, "utf8").trim(),
    label: flags.oidcLabel,
    scopes: flags.oidcScope.length === 0 ? ["openid", "email", "profile", "groups"] : flags.oidcScope,
    usernameClaim: flags.oidcUsernameClaim,
    groupsClaim: flags.oidcGroupsClaim,
    usernamePrefix: flags.oidcUsernamePrefix,
    groupsPrefix: flags.oidcGroupsPrefix,
    groups: flags.oidcGroup,
  };
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function account(value: string, before: string[]): string[] {
  if (!accountName.safeParse(value).success) {
    throw new InvalidArgumentError("give the name of a namespace: lower-case letters, digits and hyphens");
  }
  return [...before, value];
}

function address(value: string): { host: string; port: number } {
  const { host, port } = /^(?<host>.+):(?<port>\d+)$/u.exec(value)?.groups ?? {};
  const number = Number(port);
  if (host === undefined || number > 65_535)
    throw new InvalidArgumentError("give HOST:PORT, such as 127.0.0.1:8090");
  return { host, port: number };
}

/** Passwords and sessions go there, so in the clear only where they do not leave the machine. */
export function webAddress(value: string): URL {
  const url = URL.parse(value);
  const onThisMachine = /^(?:127(?:\.\d+){3}|\[::1\]|localhost)$/u.test(url?.hostname ?? "");
  const named = (url?.username ?? "") + (url?.password ?? "") !== "";
  if (url === null || named || !(url.protocol === "https:" || (url.protocol === "http:" && onThisMachine))) {
    throw new InvalidArgumentError(
      "give a whole address that begins with https:// (http:// is for this machine only), without a name or password",
    );
  }
  return url;
}
