import { type Command, Option } from "commander";
import type { DevicesOptions } from "../commands/devices.ts";
import type { ManifestOptions } from "../commands/manifest.ts";
import type { ReelAddOptions } from "../commands/reel/add.ts";
import type { ReelMintOptions } from "../commands/reel/mint.ts";
import type { ReelQrOptions } from "../commands/reel/qr.ts";
import { DEVICE_FORMATS } from "../output/device-lines.ts";
import { countArgument, listArgument } from "./arguments.ts";
import { action, type Definer, examples } from "./definer.ts";

export const OPERATOR_NAMESPACE = "certferry-system";

function operatorNamespace(command: Command): Command {
  return command.option(
    "--operator-namespace <name>",
    "where the operator is, and reels' ConfigMaps and Secrets are",
    OPERATOR_NAMESPACE,
  );
}

const LOCAL_MANIFEST =
  "the manifest on this machine, where its source cannot be reached from here (it must be the one that was bound)";

/** devices, manifest, reel add, reel mint, reel qr. */
export function defineReels(program: Command, definer: Definer): void {
  const name = definer.io.program;
  const devices = program
    .command("devices")
    .summary("list which device is in which cloud")
    .description(
      "Streams the devices of a bound batch with their state in each cloud: who they are from the manifest, where they are from the ledgers. Needs the right to read the records (certferry-admin).",
    )
    .argument("<BATCH>", "the batch's name, or the batch ID of its reel")
    .option("--failed", "those that a cloud has refused")
    .option("--pending", "those that are still to be sent, or had no answer")
    .option("--quarantined", "those entries of the manifest that were refused")
    .addOption(new Option("-c, --cloud <name>", "in this cloud only; repeatable").argParser(listArgument))
    .option("--manifest <file>", LOCAL_MANIFEST)
    .addOption(new Option("-o, --output <format>", "more columns, or for programs").choices(DEVICE_FORMATS));
  operatorNamespace(devices).action(
    action(definer, async (context, [batch = ""], command) => {
      const { devices: work } = await import("../commands/devices.ts");
      return await work(context, batch, command.optsWithGlobals<DevicesOptions>());
    }),
  );
  examples(devices, name, [
    ["What failed, and why", "devices week-45 --failed"],
    ["Everything, into a table of your own", "devices week-45 -o csv > devices.csv"],
  ]);

  const manifest = program
    .command("manifest")
    .summary("download a batch's manifest as CSV or .7z")
    .description(
      "Gives the manifest of a bound batch as the Cloud ID service does (device_id, group_id, certificate), whatever format its vendor ships: for an import by hand.",
    )
    .argument("<BATCH>", "the batch's name, or the batch ID of its reel")
    .addOption(
      new Option("--format <format>", "csv unless the file's name ends in .7z").choices(["csv", "7z"]),
    )
    .option("--out <file>", "where to write it; the standard output unless given")
    .option("--force", "over a file that is there")
    .option("--manifest <file>", LOCAL_MANIFEST);
  operatorNamespace(manifest).action(
    action(definer, async (context, [batch = ""], command) => {
      const { manifest: work } = await import("../commands/manifest.ts");
      return await work(context, batch, command.optsWithGlobals<ManifestOptions>());
    }),
  );
  examples(manifest, name, [["Packed", "manifest week-45 --out D010.7z"]]);
  defineReel(program, definer);
}

function defineReel(program: Command, definer: Definer): void {
  const name = definer.io.program;
  const reel = program
    .command("reel")
    .summary("declare reels, mint test reels, print QR codes")
    .description(
      "What a vendor shipped: declare it from its manifest, make reels to try things with, print QR codes.",
    );
  const add = reel
    .command("add")
    .summary("declare a reel from its manifest, of any format")
    .description(
      "Looks through a manifest on this machine (what is refused is told), puts it where the operator reads it, and declares the Reel. Without --s3, --url or --path that is a ConfigMap in the operator's namespace.",
    )
    .argument("<FILE>", "the manifest: CSV, Microchip's JSON, an OPTIGA Trust M archive, or these in a .7z")
    .requiredOption("--batch <BID>", "the batch ID as printed on the reel")
    .option("--s3 <s3://bucket/key>", "upload it there, with your own AWS identity")
    .option("--region <region>", "of the bucket; AWS_REGION unless given")
    .option(
      "--endpoint <url>",
      "of a store that speaks S3's protocol and is not AWS; AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL unless given. Needs --source-secret",
    )
    .option("--url <url>", "the same file is there: upload nothing")
    .option(
      "--path <path>",
      "the same file is there, below the operator's folder of manifests: upload nothing",
    )
    .option("--source-secret <name>", "a Secret in the operator's namespace, with which it reads the source")
    .option("--reserve-for <namespace>", "the only account that may bind it")
    .option("--slot <slot>", "of an OPTIGA Trust M archive: which certificates are taken (E0E0 unless given)")
    .option("--signers <file>", "of Microchip's JSON: the log signers, in PEM")
    .option("--dry-run", "look and have the cluster check, and change nothing")
    .addOption(
      new Option("-o, --output <format>", "the Reel for programs").choices(["json", "yaml", "name"]),
    );
  operatorNamespace(add).action(
    action(definer, async (context, [file = ""], command) => {
      const { reelAdd } = await import("../commands/reel/add.ts");
      return await reelAdd(context, file, command.optsWithGlobals<ReelAddOptions>());
    }),
  );
  examples(add, name, [
    ["From the vendor's download", "reel add D001.7z --batch D001"],
    [
      "A large one, by a bucket",
      "reel add D900.7z --batch D900 --s3 s3://reel-manifests/D900.7z --region eu-central-1",
    ],
  ]);

  const mint = reel
    .command("mint")
    .summary("make test reels, with a CA of their own")
    .description(
      "Makes devices that exist nowhere, issued by a CA made for them or by an earlier mint's, as manifests like the vendor's. Their batch IDs are printed.",
    )
    .option("--count <n>", "devices on each reel", countArgument, 10)
    .option("--reels <n>", "how many reels", countArgument, 1)
    .option("--batch <BID>", "the batch ID; of several reels, its beginning")
    .option("--out <folder>", "where the files go", ".")
    .option("--ca <folder>", "go on with the CA of an earlier mint, whose --out this was")
    .option(
      "--device-keys",
      "write the devices' private keys and certificates too, for devices that are to connect",
    )
    .addOption(
      new Option("--key-type <type>", "of the devices").choices(["P-256", "RSA-2048"]).default("P-256"),
    )
    .option("--add", "declare the reels in the cluster at once");
  operatorNamespace(mint).action(
    action(definer, async (context, _args, command) => {
      const { reelMint } = await import("../commands/reel/mint.ts");
      return await reelMint(context, command.optsWithGlobals<ReelMintOptions>());
    }),
  );
  examples(mint, name, [
    ["Twenty devices, bound at once", `bind $(${name} reel mint --count 20 --out /tmp/reel --add) --wait`],
  ]);

  const qr = reel
    .command("qr")
    .summary("print the QR code of a reel")
    .description("Prints the QR code of a reel, as a scanner at a loading bay reads it. No cluster is asked.")
    .argument("<BID>", "the batch ID")
    .option("--url <url>", "scheme and host of your console, for phones to open; the vendor's unless given")
    .addOption(new Option("--format <format>", "text unless --out is given").choices(["text", "svg", "link"]))
    .option("--out <file>", "an SVG for a label");
  qr.action(
    action(definer, async (context, [bid = ""], command) => {
      const { reelQr } = await import("../commands/reel/qr.ts");
      return await reelQr(context, bid, command.optsWithGlobals<ReelQrOptions>());
    }),
  );
  examples(qr, name, [
    ["For the phones of your factory", "reel qr D001 --url https://console.example.com --out D001.svg"],
  ]);
}
