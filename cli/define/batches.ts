import { type Command, Option } from "commander";
import type { BindOptions } from "../commands/bind.ts";
import type { CheckOptions } from "../commands/check.ts";
import type { ProvisionOptions } from "../commands/provision.ts";
import type { StatusOptions } from "../commands/status.ts";
import { durationArgument, listArgument } from "./arguments.ts";
import { action, type Definer, examples } from "./definer.ts";

const CLOUD = "-c, --cloud <name>";

function machineOutput(): Option {
  return new Option("-o, --output <format>", "the batch for programs, on the standard output").choices([
    "json",
    "yaml",
    "name",
  ]);
}

function waiting(command: Command): Command {
  return command
    .option("-w, --wait", "until every device is where it belongs; Ctrl-C ends the waiting, not the work")
    .option("--timeout <time>", "wait at most so long, e.g. 90s, 5m", durationArgument);
}

/** bind, provision, check, status. */
export function defineBatches(program: Command, definer: Definer): void {
  const name = definer.io.program;
  const bind = program
    .command("bind")
    .summary("bind a reel to your account, and provision its devices")
    .description(
      "Binds a reel to the account (the namespace) by creating a DeviceBatch. Its devices go to the clouds that are named, or else to the account's default.",
    )
    .argument("<BID>", "the batch ID as printed on the reel, or the link in its QR code")
    .addOption(new Option(CLOUD, "bring the devices into this CloudApi; repeatable").argParser(listArgument))
    .option("--name <name>", "of the batch; that of the reel unless given")
    .option("--manual", "bind only: the manifest is imported by hand, or a cloud is chosen later")
    .option(
      "--slot <slot>",
      "which certificate the devices present, where they have several (E0E0, E0E1, E0E2)",
    )
    .addOption(
      new Option(
        "--deletion-policy <policy>",
        "what becomes of the devices in a cloud when it, or the batch, goes (default: Retain)",
      ).choices(["Retain", "Deprovision"]),
    )
    .option("--dry-run", "have the cluster check all of it, and change nothing")
    .addOption(machineOutput());
  waiting(bind).action(
    action(definer, async (context, [bid = ""], command) => {
      const { bind: work } = await import("../commands/bind.ts");
      return await work(context, bid, command.optsWithGlobals<BindOptions>());
    }),
  );
  examples(bind, name, [
    ["Into the account's default cloud, and wait for the last device", "bind D001 --wait"],
    ["Into two clouds", "bind D010 --cloud aws-eu --cloud azure-hub"],
    [
      "From a QR code, for another account",
      "bind 'https://cirrent.infineon.com/cloud-id?groupId=D001' -n acme",
    ],
  ]);

  const provision = program
    .command("provision")
    .summary("provision a batch again, or into another cloud")
    .description(
      "Brings the devices of a bound batch into another cloud (--cloud), or every device once more into those that it has. Pushing a device that is there already is safe.",
    )
    .argument("<BATCH>", "the batch's name, or the batch ID of its reel")
    .addOption(new Option(CLOUD, "a CloudApi to add; repeatable").argParser(listArgument))
    .option("--again", "every device once more, with --cloud too")
    .addOption(machineOutput());
  waiting(provision).action(
    action(definer, async (context, [batch = ""], command) => {
      const { provision: work } = await import("../commands/provision.ts");
      return await work(context, batch, command.optsWithGlobals<ProvisionOptions>());
    }),
  );
  examples(provision, name, [
    ["Into another cloud too", "provision week-45 --cloud azure-hub"],
    ["Every device again, also those that failed", "provision week-45 --wait"],
  ]);

  const check = program
    .command("check")
    .summary("ask the clouds how the devices stand that they have taken")
    .description(
      "Has the clouds of a batch that can tell asked whether they know its devices and let them in: about a thousand of them. Nothing is changed there. With --wait, devices that are not as they were left are an error.",
    )
    .argument("<BATCH>", "the batch's name, or the batch ID of its reel")
    .option("-w, --wait", "until every cloud that can tell has told; Ctrl-C ends the waiting alone")
    .option("--timeout <time>", "wait at most so long, e.g. 90s, 5m", durationArgument)
    .addOption(machineOutput());
  check.action(
    action(definer, async (context, [batch = ""], command) => {
      const { check: work } = await import("../commands/check.ts");
      return await work(context, batch, command.optsWithGlobals<CheckOptions>());
    }),
  );
  examples(check, name, [
    ["Are they all still there?", "check week-45 --wait"],
    ["Put right what is missing", "provision week-45 --wait"],
  ]);

  const status = program
    .command("status")
    .summary("show how batches stand, live while anything is under way")
    .description(
      "Shows the batches of the namespace, or one of them in full: clouds with their progress, failures, and why something waits. On a terminal it is live while anything is under way.",
    )
    .argument("[BATCH]", "the batch's name, or the batch ID of its reel")
    .option("-A, --all-namespaces", "the batches of all accounts")
    .option("-l, --selector <labels>", "only batches with these labels, e.g. line=3")
    .option(
      "-w, --watch",
      "until every batch is done or needs a person: drawn in place, or a line for each change in a pipe",
    )
    .option("--no-watch", "one picture, also on a terminal")
    .addOption(
      new Option("-o, --output <format>", "more columns, or for programs").choices([
        "wide",
        "json",
        "yaml",
        "name",
      ]),
    );
  status.action(
    action(definer, async (context, [batch], command) => {
      const { status: work } = await import("../commands/status.ts");
      return await work(context, batch, command.optsWithGlobals<StatusOptions>());
    }),
  );
  examples(status, name, [
    ["All batches of the namespace", "status"],
    ["One in full, until it is done, whatever it waits for", "status week-45 --watch"],
    [
      "What is not ready, for a script",
      `status -A -o json | jq -r '.items[] | select(.status.provisionedDevices != .status.boundDevices) | .metadata.name'`,
    ],
  ]);
}
