import { EgressPolicy } from "../../../interop/egress/policy.ts";
import {
  type ManifestRecord,
  ManifestStore,
  type ManifestSummary,
} from "../../../operator/manifests/index.ts";
import { type ContentsQuery, ReelContents } from "../../../operator/provisioning/reel-contents.ts";
import { deviceIdOf, Mint } from "../reels/certificates.ts";

const absent = (): Promise<never> => Promise.reject(new Error("made-up reels are read from nowhere"));

/**
 * Reels that stand in no file: for what is measured of pace and ledgers, where reading would only take time. A
 * query's `batchId` is `REEL:DEVICES`, both numbers. All devices show the same certificate.
 */
export class SyntheticContents extends ReelContents {
  readonly #der: Buffer;

  private constructor(der: Buffer) {
    super(
      new ManifestStore({
        dir: "/nonexistent",
        maxBytes: 0,
        maxManifestBytes: 0,
        readConfigMap: absent,
        readSecret: absent,
        egress: new EgressPolicy({ env: {} }),
      }),
    );
    this.#der = der;
  }

  static async make(): Promise<SyntheticContents> {
    return new SyntheticContents((await Mint.open(1)).device(0, 0).der);
  }

  override inspect({ batchId, sha256 = "" }: ContentsQuery): Promise<ManifestSummary> {
    const { devices } = partsOf(batchId);
    return Promise.resolve({
      sha256,
      records: devices,
      devices,
      refused: 0,
      firstRefused: [],
      issuers: [],
      keyTypes: [],
      format: "synthetic",
      collidingSerials: new Set<string>(),
    });
  }

  override async *read({ batchId }: ContentsQuery, signal: AbortSignal): AsyncGenerator<ManifestRecord> {
    const { reel, devices } = partsOf(batchId);
    const fingerprint = "0".repeat(64);
    const notAfter = new Date(Date.UTC(2045, 0, 1));
    for (let ordinal = 0; ordinal < devices; ordinal += 1) {
      if (ordinal % 1_000 === 0) signal.throwIfAborted();
      const deviceId = deviceIdOf(reel, ordinal);
      yield {
        kind: "device",
        ordinal,
        row: ordinal + 2,
        deviceId,
        der: this.#der,
        fingerprint,
        serial: deviceId,
        issuer: "CN=made up",
        notAfter,
        keyType: "P-256",
      };
    }
  }
}

function partsOf(batchId: string): { reel: number; devices: number } {
  const [reel, devices] = batchId.split(":").map(Number);
  if (reel === undefined || devices === undefined) throw new Error(`${batchId} is no made-up reel`);
  return { reel, devices };
}
