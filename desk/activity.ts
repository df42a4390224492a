import { CHECK_REQUESTED_AT, type CloudApi, type CloudProgress, type DeviceBatch } from "../crds/index.ts";
import { cloudsOf } from "./clouds-of-batch.ts";

/** What clouds told of their devices, together. Devices are counted once for each cloud that was asked about them. */
export interface Told {
  readonly asked: number;
  readonly active: number;
  readonly differing: number;
  /** When the cloud told that told longest ago (RFC 3339). */
  readonly oldest: string;
}

/** The sum over clouds, or over batches; undefined where none has told. */
export function toldOf(lines: Iterable<Pick<CloudProgress, "activity">>): Told | undefined {
  let told: Told | undefined;
  for (const { activity } of lines) {
    if (activity === undefined) continue;
    const { asked, active, differing, toldAt } = activity;
    told = {
      asked: (told?.asked ?? 0) + asked,
      active: (told?.active ?? 0) + active,
      differing: (told?.differing ?? 0) + differing,
      oldest: told !== undefined && told.oldest < toldAt ? told.oldest : toldAt,
    };
  }
  return told;
}

/** Which of a batch's clouds can tell how devices stand. @param apis the CloudApis of its namespace */
export function cloudsThatTell(batch: DeviceBatch, apis: readonly CloudApi[]): string[] {
  const able = new Set(
    apis.filter(({ status }) => status?.capabilities?.includes("status") === true).map(nameOf),
  );
  return cloudsOf(batch).filter((name) => able.has(name));
}

/** The merge patch that has a batch's clouds asked how its devices stand ("Check now"). */
export function checkNow(at: Date): { metadata: { annotations: Record<string, string> } } {
  return { metadata: { annotations: { [CHECK_REQUESTED_AT]: at.toISOString() } } };
}

function nameOf({ metadata }: CloudApi): string {
  return metadata.name;
}
