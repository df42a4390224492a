import type { InteropTarget } from "../../../interop/caller/caller.ts";
import type { PlacementSpec } from "../../../operator/provisioning/placement-spec.ts";

/** One placement as the controllers would declare it. */
export interface PlacementOrder {
  readonly batchId: string;
  readonly devices: number;
  /** The reel's object; the batch ID in lower case, as a rule. */
  readonly reel: string;
  /** Tells product clouds apart; ten hex digits. */
  readonly target: string;
  readonly sha256?: string;
  readonly file?: string;
  readonly interop?: InteropTarget;
  readonly limits?: PlacementSpec["limits"];
  readonly namesBySerial?: boolean;
}

const NOWHERE: InteropTarget = {
  url: "https://cloud.test.invalid/Prod/interop",
  auth: { kind: "bearer", token: () => Promise.resolve("token") },
};

export function placementSpec(order: PlacementOrder): PlacementSpec {
  const { batchId, devices, reel, target, sha256 = "0".repeat(64), file = "none.csv" } = order;
  return {
    direction: "in",
    ledger: {
      reel,
      account: "bench",
      target: { key: `AWS/${target}/eu-west-1`, type: "AWS", hash: target },
      cloudApi: "bench",
      manifestSha256: sha256,
      records: devices,
    },
    contents: { batchId, source: { file: { path: file } }, evaluatedAt: new Date(), sha256 },
    interop: order.interop ?? NOWHERE,
    limits: order.limits ?? {},
    namesBySerial: order.namesBySerial ?? true,
    policyExpected: true,
    request: undefined,
  };
}
