import { z } from "zod";
import { deviceFailure, type HubAnswer, type HubFailure } from "./failure.ts";
import { authenticationBy, tagsFor } from "./identity.ts";

/** More than this in one bulk is refused (specification, `BulkRegistry_UpdateRegistry`). */
export const MAX_BULK = 100;

/** One operation of a bulk: `ExportImportDevice` of the specification, as far as it is used here. */
export interface BulkOperation {
  id: string;
  importMode: "create" | "deleteIfMatchETag";
  eTag?: string;
  status?: "enabled";
  authentication?: object;
  tags?: object;
}

/** Lets a device in with one certificate, if there is none of the name. */
export function createOperation(id: string, thumbprint: string, batch: string | undefined): BulkOperation {
  return {
    id,
    importMode: "create",
    status: "enabled",
    authentication: authenticationBy([thumbprint]),
    ...(batch === undefined ? {} : { tags: tagsFor(batch) }),
  };
}

export function deleteOperation(id: string, eTag: string): BulkOperation {
  return { id, importMode: "deleteIfMatchETag", eTag };
}

const resultSchema = z.object({
  isSuccessful: z.boolean(),
  errors: z
    .array(
      z.object({
        deviceId: z.string().nullish(),
        errorCode: z.union([z.number(), z.string()]).optional().catch(undefined),
      }),
    )
    .nullish(),
  warnings: z.array(z.object({ deviceId: z.string().nullish() })).nullish(),
});

/** What became of one operation. `half`: the device is there, its twin is not. */
export type Fate = "done" | "half" | HubFailure;

/** The hub did not say what became of the device, so it is asked again; that is safe. */
const UNTOLD: HubFailure = { meaning: "Transient", reason: "left out of the hub's answer" };

/**
 * Reads the answer to a bulk: each operation stands or falls by itself, and only failures are named. Where
 * the hub found fault with the request (400…) it may have done none of it; then nothing counts as done but
 * what is asked for again.
 * @returns a failure where one error is meant for all; nothing if it is no such answer
 */
export function readBulkResult(
  body: unknown,
  names: readonly string[],
): HubAnswer<Map<string, Fate>> | undefined {
  const parsed = resultSchema.safeParse(body);
  if (!parsed.success) return undefined;
  const errors = (parsed.data.errors ?? []).map(({ deviceId, errorCode }) => ({
    name: deviceId ?? "",
    failure: deviceFailure(errorCode),
  }));
  const named = errors.filter(({ name }) => name !== "");
  const [forAll] = errors;
  if (named.length === 0 && forAll !== undefined) return { failure: forAll.failure };
  const failures = new Map(named.map(({ name, failure }) => [name, failure]));
  const half = new Set((parsed.data.warnings ?? []).map(({ deviceId }) => deviceId));
  const doubtful =
    errors.length === 0
      ? !parsed.data.isSuccessful
      : errors.some(({ name, failure: { status } }) => name === "" || status === undefined || status === 400);
  const fates = names.map((name): [string, Fate] => {
    const fate = failures.get(name) ?? (doubtful ? UNTOLD : "done");
    return [name, fate === "done" && half.has(name) ? "half" : fate];
  });
  return { value: new Map(fates) };
}
