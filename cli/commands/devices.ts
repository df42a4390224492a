import { boundRecords, openBoundManifest } from "../../desk/manifests/bound-manifest.ts";
import { placesOf } from "../../desk/devices/places.ts";
import { type DeviceFilter, deviceLines, type Standing, surelyNone } from "../../desk/devices/truth.ts";
import { ledgerSelector } from "../../operator/provisioning/ledger/store.ts";
import { openWorkshop, reelOf } from "../cluster/bound-reel.ts";
import { findBatch } from "../cluster/find-batch.ts";
import { atCluster } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { type DeviceFormat, deviceWriter } from "../output/device-lines.ts";

export interface DevicesOptions {
  readonly failed?: boolean;
  readonly pending?: boolean;
  readonly quarantined?: boolean;
  readonly cloud?: readonly string[];
  /** The manifest on this machine. */
  readonly manifest?: string;
  readonly operatorNamespace: string;
  readonly output?: DeviceFormat;
}

/** Streams which device is in which cloud: from the manifest who they are, from the ledgers where they are. */
export async function devices(context: Context, given: string, options: DevicesOptions): Promise<ExitCode> {
  return await atCluster(context, async (session) => {
    const { io, signal } = context;
    const batch = await findBatch(session, given, signal);
    const { reel, binding } = await reelOf(session, batch, signal);
    const { namespace } = batch.metadata;
    const ofReel = { labelSelector: ledgerSelector(reel.metadata.name) };
    const { items: ledgers } = await session.ledgers.list(ofReel, signal);
    const { items: cloudApis } = await session.cloudApis.list({ namespace }, signal);
    const places = placesOf({ batch, binding, cloudApis, ledgers });
    const filter = filterOf(options);
    const unknown = options.cloud?.find((name) => !places.some(({ cloud }) => cloud === name));
    if (unknown !== undefined) {
      const there = places.map(({ cloud }) => cloud).join(", ");
      throw new CliError(
        EXIT.notFound,
        `the devices of batch ${namespace}/${batch.metadata.name} do not go to ${unknown}`,
        there === "" ? "They go to no cloud: the batch is bound only" : `They go to: ${there}`,
      );
    }
    const writer = deviceWriter(options.output, io);
    if (!surelyNone(places, filter)) {
      await using workshop = await openWorkshop(session, options.operatorNamespace);
      const manifest = await openBoundManifest(workshop, reel, binding, options.manifest, signal);
      const records = boundRecords(manifest, reel, binding, signal);
      for await (const line of deviceLines(records, places, filter)) await writer.line(line);
    }
    const shown = await writer.end();
    if (shown === 0 && options.output === undefined) await io.stderr.write("No such device.\n");
    return EXIT.ok;
  });
}

function filterOf({ failed, pending, quarantined, cloud }: DevicesOptions): DeviceFilter {
  const states = new Set<Standing>();
  if (failed === true) states.add("Failed");
  if (pending === true) states.add("Pending");
  if (quarantined === true) states.add("Quarantined");
  return {
    ...(states.size === 0 ? {} : { states }),
    ...(cloud === undefined ? {} : { clouds: new Set(cloud) }),
  };
}
