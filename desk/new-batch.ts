import {
  ADDED_BY,
  ADDED_FROM,
  API_VERSION,
  type DeviceBatchInput,
  type DeviceBatchSpecInput,
  PROVISION_REQUESTED_AT,
} from "../crds/index.ts";
import { reelNameFor } from "./batch-id.ts";

/** From where a batch was bound, as people read it. */
export type AddedFrom = "Desktop" | "Phone" | "CLI";

/** What a person says when a reel is bound. */
export interface BindRequest {
  readonly namespace: string;
  readonly batchId: string;
  /** The batch's own name; that of the reel unless given. */
  readonly name?: string | undefined;
  /** None: the account's default, or bound only when `manual`. */
  readonly cloudApis?: readonly string[];
  readonly manual?: boolean;
  readonly certificateSlot?: string | undefined;
  readonly deletionPolicy?: DeviceBatchSpecInput["deletionPolicy"];
  /** The person as the cluster knows them; left out where that is not known. */
  readonly addedBy?: string | undefined;
  readonly addedFrom: AddedFrom;
}

/** The DeviceBatch whose creation binds a reel: what console and command line make alike. */
export function newBatch(request: BindRequest): DeviceBatchInput {
  const { namespace, batchId, cloudApis = [], manual = false, certificateSlot, deletionPolicy } = request;
  return {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: {
      namespace,
      name: request.name ?? reelNameFor(batchId),
      annotations: {
        ...(request.addedBy === undefined ? {} : { [ADDED_BY]: request.addedBy }),
        [ADDED_FROM]: request.addedFrom,
      },
    },
    spec: {
      batchId,
      ...(manual ? { provisioning: "Manual" as const } : {}),
      ...(cloudApis.length === 0 ? {} : { cloudApis: cloudApis.map((name) => ({ name })) }),
      ...(certificateSlot === undefined ? {} : { certificateSlot }),
      ...(deletionPolicy === undefined ? {} : { deletionPolicy }),
    },
  };
}

/** The merge patch that asks for every device to be provisioned again ("Provision now"). */
export function provisionNow(at: Date): { metadata: { annotations: Record<string, string> } } {
  return { metadata: { annotations: { [PROVISION_REQUESTED_AT]: at.toISOString() } } };
}
