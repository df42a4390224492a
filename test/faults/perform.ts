import {
  API_VERSION,
  type DeviceBatchSpecInput,
  KEY_ROTATION_REQUESTED_AT,
  PROVISION_REQUESTED_AT,
} from "../../crds/index.ts";
import type { Ground } from "./ground.ts";
import { persist } from "./persist.ts";
import type { Deed } from "./schedule.ts";

const named = (clouds: readonly string[]): { name: string }[] => clouds.map((name) => ({ name }));
const policy = (deprovision: boolean): "Deprovision" | "Retain" => (deprovision ? "Deprovision" : "Retain");

/** A CloudApi goes when the last device is out: where its cloud is beset, when the faults are over. */
const ABLE_TO_LEAVE_MS = 6 * 60_000;

/** Does what a person planned to do, as often as it takes until the API server has it. */
export async function perform(account: string, deed: Deed, ground: Ground): Promise<void> {
  const patience = deed.do === "add CloudApi" ? ABLE_TO_LEAVE_MS : undefined;
  await persist(`${account}: ${deed.do}`, (signal) => attempt(account, deed, ground, signal), patience);
}

async function attempt(account: string, deed: Deed, ground: Ground, signal: AbortSignal): Promise<unknown> {
  const { field } = ground;
  const batchOf = (name: string) => ({ namespace: account, name });
  const edit = (name: string, spec: Partial<DeviceBatchSpecInput>) =>
    field.batches.patch(batchOf(name), { spec }, {}, signal);
  switch (deed.do) {
    case "ship":
      return field.shipFile(deed.reel.batchId, ground.reels.get(deed.reel.batchId)?.csv ?? "");
    case "bind":
      return field.batch(account, deed.batch, {
        batchId: deed.batchId,
        provisioning: "Manual",
        cloudApis: named(deed.clouds),
        deletionPolicy: policy(deed.deprovision),
      });
    case "unbind":
      return field.batches.delete(batchOf(deed.batch), {}, signal);
    case "choose clouds":
      return edit(deed.batch, { cloudApis: named(deed.clouds) });
    case "choose policy":
      return edit(deed.batch, { deletionPolicy: policy(deed.deprovision) });
    case "suspend batch":
      return edit(deed.batch, { suspend: deed.suspend });
    case "provision now": {
      const annotations = { [PROVISION_REQUESTED_AT]: deed.request };
      return field.batches.patch(batchOf(deed.batch), { metadata: { annotations } }, {}, signal);
    }
    case "suspend CloudApi":
      return field.cloudApis.patch(batchOf(deed.cloud), { spec: { suspend: deed.suspend } }, {}, signal);
    case "remove CloudApi":
      return field.cloudApis.delete(batchOf(deed.cloud), {}, signal);
    case "add CloudApi": {
      const there = await field.cloudApis.find(batchOf(deed.cloud), signal);
      // It may still be held for devices that are being taken out through it.
      if (there?.metadata.deletionTimestamp !== undefined) throw new Error("it is still going");
      const { spec } = ground.cloudOf(account, deed.cloud);
      const metadata = batchOf(deed.cloud);
      return field.cloudApis.create({ apiVersion: API_VERSION, kind: "CloudApi", metadata, spec }, signal);
    }
    case "rotate key": {
      const annotations = { [KEY_ROTATION_REQUESTED_AT]: deed.request };
      return field.namespaces.patch({ name: account }, { metadata: { annotations } }, {}, signal);
    }
    default:
      throw new Error(`nobody knows how to ${JSON.stringify(deed satisfies never)}`);
  }
}
