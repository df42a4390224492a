import { Argument, type Command, Option } from "commander";
import type { ClusterFlags } from "../cluster/kubeconfig.ts";
import type { CloudProbeOptions } from "../commands/cloud-probe.ts";
import type { DoctorOptions } from "../commands/doctor/doctor.ts";
import type { KeysOptions } from "../commands/keys.ts";
import type { PlanOptions } from "../commands/plan.ts";
import { durationArgument, listArgument } from "./arguments.ts";
import { action, type Definer, examples } from "./definer.ts";
import { OPERATOR_NAMESPACE } from "./reels.ts";

/** plan, keys, cloud, doctor, completion. */
export function defineAccounts(program: Command, definer: Definer): void {
  const name = definer.io.program;
  const plan = program
    .command("plan")
    .summary("tell what applying files would do, and apply nothing")
    .description(
      "Asks the cluster what it would accept (a dry run, with your rights), and tells which reels would be bound, how many devices would be sent where, and how long that takes under each cloud's quota.",
    )
    .addOption(
      new Option(
        "-f, --filename <file>",
        "YAML or JSON, or a folder of such; - is the standard input; repeatable",
      )
        .argParser(listArgument)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "--rate <cloud=n>",
        "devices a second that a cloud takes, where you know it; repeatable",
      ).argParser(listArgument),
    )
    .option(
      "--operator-namespace <name>",
      "where the operator is, and ConfigMaps with manifests are",
      OPERATOR_NAMESPACE,
    )
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]));
  plan.action(
    action(definer, async (context, _args, command) => {
      const { plan: work } = await import("../commands/plan.ts");
      return await work(context, command.optsWithGlobals<PlanOptions>());
    }),
  );
  examples(plan, name, [
    ["Before a pull request is merged", "plan -f batches/week-45.yaml"],
    ["With a quota that was raised", "plan -f week-45.yaml --rate aws-eu=50"],
  ]);
  defineKeys(program, definer);
  defineCloud(program, definer);

  const doctor = program
    .command("doctor")
    .summary("look whether all is right: cluster, rights, operator, clouds, clocks")
    .description(
      "Looks at all that must be right for you and this account, and says what to do about what is not.",
    )
    .option("--operator-namespace <name>", "where the operator is", OPERATOR_NAMESPACE)
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]));
  doctor.action(
    action(definer, async (context, _args, command) => {
      const { doctor: work } = await import("../commands/doctor/doctor.ts");
      return await work(context, command.optsWithGlobals<DoctorOptions>());
    }),
  );

  const completion = program
    .command("completion")
    .summary("print the completion script of a shell")
    .description(
      "Prints a script that completes commands, options, and the names of batches, clouds and reels.",
    )
    .addArgument(new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"]));
  completion.action(
    action(definer, async (context, [shell = ""]) => {
      const { completion: work } = await import("../commands/completion.ts");
      return await work(context, shell);
    }),
  );
  examples(completion, name, [
    ["bash, for good", "completion bash > ~/.local/share/bash-completion/completions/certferry"],
    ["zsh, in this shell", "completion zsh | source /dev/stdin"],
  ]);
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: string[], _options: unknown, command: Command) => {
      const { complete } = await import("../commands/completion.ts");
      const { io, signal, done } = definer;
      done(await complete({ io, signal, flags: flagsIn(words.slice(0, -1), command) }, program, words));
    });
  program
    .command("__kubectl_complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: string[], _options: unknown, command: Command) => {
      const { completeForKubectl } = await import("../commands/completion.ts");
      const { io, signal, done } = definer;
      const flags = flagsIn(words.slice(0, -1), command);
      done(await completeForKubectl({ io, signal, flags }, program, words));
    });
}

/** The cluster that was named so far on the line that is completed, before the word that is being typed. */
function flagsIn(words: readonly string[], command: Command): ClusterFlags {
  const after = (...names: string[]): string | undefined => {
    const at = words.findIndex((word) => names.includes(word));
    const joined = words.find((word) => names.some((name) => word.startsWith(`${name}=`)));
    return at < 0 ? joined?.slice(joined.indexOf("=") + 1) : words[at + 1];
  };
  const asGroup = words.flatMap((word, at) =>
    word === "--as-group"
      ? (words[at + 1] ?? [])
      : word.startsWith("--as-group=")
        ? word.slice("--as-group=".length)
        : [],
  );
  const flags = command.optsWithGlobals<Record<string, unknown>>();
  const found = {
    kubeconfig: after("--kubeconfig"),
    context: after("--context"),
    namespace: after("-n", "--namespace"),
    as: after("--as"),
    asGroup: asGroup.length === 0 ? undefined : asGroup,
  };
  for (const [name, value] of Object.entries(found)) if (value !== undefined) flags[name] = value;
  return flags;
}

function defineKeys(program: Command, definer: Definer): void {
  const name = definer.io.program;
  const keys = program
    .command("keys")
    .summary("make, show and rotate an account's signing keys")
    .description(
      "An account's clouds trust its public keys. `init` comes before the clouds are made; the private half is the operator's, and nobody is shown it.",
    );
  const patient = (command: Command, forWhat = "for the operator (60s unless given)"): Command =>
    command
      .option("--pem", "the one key that is signed with, as PEM, for callees that take no key set")
      .option("--out <file>", "where to write it; the standard output unless given")
      .option("--force", "over a file that is there")
      .option("--timeout <time>", `wait at most so long ${forWhat}`, durationArgument);
  const init = patient(
    keys.command("init").summary("make the namespace an account, and give its public keys"),
  ).description(
    "Labels the namespace as an account (and makes it, where it is not there), waits for the operator to publish its keys, and prints the key set. Done again, it prints what is there.",
  );
  init.action(
    action(definer, async (context, _args, command) => {
      const { keysInit } = await import("../commands/keys.ts");
      return await keysInit(context, command.optsWithGlobals<KeysOptions>());
    }),
  );
  examples(init, name, [
    ["Before `pulumi up`", `keys init -n acme --out jwks.json && pulumi config set jwks "$(cat jwks.json)"`],
  ]);
  patient(keys.command("show").summary("print the account's public keys"))
    .description(
      "Prints the account's public keys as a key set (JWKS), for its clouds to trust; two while they are being rotated.",
    )
    .action(
      action(definer, async (context, _args, command) => {
        const { keysShow } = await import("../commands/keys.ts");
        return await keysShow(context, command.optsWithGlobals<KeysOptions>());
      }),
    );
  patient(
    keys.command("rotate").summary("ask for a new signing key, and print the key set with both"),
    "for the operator (60s unless given), and with --wait for all of it",
  )
    .description(
      "Asks the operator for a new signing key, and prints the key set with both keys. Give it to every cloud of the account: each is signed for with the new key as soon as it accepts it, and when all do, the old one is gone.",
    )
    .option(
      "-w, --wait",
      "until every cloud accepts the new key, and the old one is gone; also of a rotation that is under way",
    )
    .action(
      action(definer, async (context, _args, command) => {
        const { keysRotate } = await import("../commands/keys.ts");
        return await keysRotate(context, command.optsWithGlobals<KeysOptions>());
      }),
    );
}

function defineCloud(program: Command, definer: Definer): void {
  const cloud = program
    .command("cloud")
    .summary("look at product clouds")
    .description("Product clouds of the account.");
  const probe = cloud
    .command("probe")
    .summary("tell whether a product cloud can be called")
    .description(
      "Tells what the operator found, with the account's key, and what is found from this machine, without credentials: address, certificate, and whether a callee answers.",
    )
    .argument("<CLOUD>", "the CloudApi's name")
    .option("-w, --wait", "until the operator has found it ready")
    .option("--timeout <time>", "wait at most so long (60s unless given)", durationArgument);
  probe.action(
    action(definer, async (context, [name = ""], command) => {
      const { cloudProbe } = await import("../commands/cloud-probe.ts");
      return await cloudProbe(context, name, command.optsWithGlobals<CloudProbeOptions>());
    }),
  );
  examples(probe, definer.io.program, [["After `pulumi up`", "cloud probe aws-eu --wait"]]);
}
