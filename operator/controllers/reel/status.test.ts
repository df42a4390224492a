import { describe, expect, it } from "vitest";
import type { Reel, ReelBinding, ReelStatus } from "../../../crds/index.ts";
import { API_VERSION } from "../../../crds/index.ts";
import type { ManifestSummary } from "../../manifests/index.ts";
import type { Inspection } from "./inspector.ts";
import { isInspected, reelStatus } from "./status.ts";

const NOW = new Date("2026-05-01T00:00:00Z");
const SHA = "c".repeat(64);

function reel(status?: ReelStatus, generation = 2): Reel {
  return {
    apiVersion: API_VERSION,
    kind: "Reel",
    metadata: { name: "d001", generation },
    spec: { batchId: "D001", manifest: { file: { path: "d001.csv" } } },
    ...(status === undefined ? {} : { status }),
  };
}

const binding: ReelBinding = {
  apiVersion: API_VERSION,
  kind: "ReelBinding",
  metadata: { name: "d001" },
  spec: {
    account: "acme",
    batchId: "D001",
    boundAt: "2026-04-01T00:00:00Z",
    evaluatedAt: "2026-04-01T00:00:00Z",
    manifestSha256: SHA,
    devices: 2,
    records: 3,
  },
};

const summary: ManifestSummary = {
  sha256: SHA,
  records: 3,
  devices: 2,
  refused: 1,
  firstRefused: [{ row: 4, device: "x", reason: "CertificateExpired", message: "expired" }],
  issuers: ["CN=Some CA"],
  keyTypes: ["P-256"],
  earliestExpiry: "2046-01-01T00:00:00Z",
  format: "CloudIdCsv",
  collidingSerials: new Set(),
};
const read: Inspection = { state: "ready", summary, evaluatedAt: NOW };

function ready(status: ReelStatus): string {
  const condition = status.conditions?.find(({ type }) => type === "Ready");
  return `${status.phase} ${condition?.status} ${condition?.reason}`;
}

describe("reelStatus", () => {
  it("is pending while the manifest is read, and available with what was found", () => {
    expect(
      ready(reelStatus({ reel: reel(), binding: undefined, inspection: { state: "running" } }, NOW)),
    ).toBe("Pending Unknown ReadingManifest");
    const status = reelStatus({ reel: reel(), binding: undefined, inspection: read }, NOW);
    expect(ready(status)).toBe("Available True Available");
    expect(status).toMatchObject({
      devices: 2,
      quarantined: { count: 1, first: summary.firstRefused },
      manifestSha256: SHA,
      issuers: ["CN=Some CA"],
      observedGeneration: 2,
    });
  });

  it("stays as it was found when nothing need be read again", () => {
    const found = reelStatus({ reel: reel(), binding: undefined, inspection: read }, NOW);
    expect(isInspected(reel(found))).toBe(true);
    expect(isInspected(reel(found, 3))).toBe(false);
    expect(reelStatus({ reel: reel(found), binding: undefined, inspection: undefined }, new Date(0))).toEqual(
      found,
    );
    expect(ready(reelStatus({ reel: reel(found), binding, inspection: undefined }, NOW))).toBe(
      "Bound True Bound",
    );
  });

  it("says that a bound reel's content changed, with both digests, and stays bound", () => {
    const other: Inspection = {
      state: "ready",
      summary: { ...summary, sha256: "d".repeat(64), devices: 1 },
      evaluatedAt: NOW,
    };
    const status = reelStatus({ reel: reel(), binding, inspection: other }, NOW);
    expect(ready(status)).toBe("Bound False ManifestChanged");
    expect(status).toMatchObject({ devices: 2, manifestSha256: SHA });
    const message = status.conditions?.find(({ type }) => type === "Ready")?.message;
    expect(message).toContain(SHA);
    expect(message).toContain("d".repeat(64));
  });

  it("needs a person when a retry cannot help, and tells what was refused when nothing is left", () => {
    const failed = { state: "failed", reason: "SourceUnavailable", message: "404" } as const;
    const retried = reelStatus(
      { reel: reel(), binding: undefined, inspection: { ...failed, retryAt: 1 } },
      NOW,
    );
    expect(retried.conditions?.map(({ type }) => type)).toEqual(["Ready", "Reconciling"]);
    const useless: Inspection = {
      ...failed,
      reason: "NoUsableDevices",
      summary: { ...summary, devices: 0 },
      retryAt: undefined,
    };
    const stalled = reelStatus({ reel: reel(), binding: undefined, inspection: useless }, NOW);
    expect(stalled.conditions?.map(({ type }) => type)).toEqual(["Ready", "Stalled"]);
    expect(stalled).toMatchObject({ devices: 0, quarantined: { count: 1 } });
  });
});

describe("a manifest that is read again", () => {
  const running: Inspection = { state: "running" };
  const again = (before: ReelStatus, generation = 2, bound?: ReelBinding): ReelStatus =>
    reelStatus(
      { reel: reel(before, generation), binding: bound, inspection: running },
      new Date(+NOW + 5_000),
    );

  it("leaves what is said of it until it has been read", () => {
    const failed = (retryAt: number | undefined): Inspection => ({
      state: "failed",
      reason: "SourceUnavailable",
      message: "the source answered 503",
      retryAt,
    });
    for (const inspection of [read, failed(1), failed(undefined)]) {
      const before = reelStatus({ reel: reel(), binding: undefined, inspection }, NOW);
      expect(again(before)).toEqual(before);
    }
    const changed: Inspection = { ...read, summary: { ...summary, sha256: "d".repeat(64) } };
    const before = reelStatus({ reel: reel(), binding, inspection: changed }, NOW);
    expect(again(before, 2, binding)).toEqual(before);
    expect(ready(before)).toBe("Bound False ManifestChanged");
  });

  it("does not hide that it was bound meanwhile, nor that it is another source now", () => {
    const before = reelStatus({ reel: reel(), binding: undefined, inspection: read }, NOW);
    expect(ready(again(before, 2, binding))).toBe("Bound True Bound");
    expect(ready(again(before, 3))).toBe("Pending Unknown ReadingManifest");
    const contested = reelStatus(
      { reel: reel(), binding: undefined, inspection: read, contested: true },
      NOW,
    );
    expect(ready(again(contested))).toBe("Available True Available");
  });
});
