import { describe, expect, it } from "vitest";
import { BINDING_LISTS } from "../../crds/index.ts";
import { createIssuer, manifest7z, manifestCsv } from "../../tools/factory/index.ts";
import { inspectManifest } from "./inspect.ts";
import type { ManifestSummary } from "./records.ts";
import { failureOf, storedManifest } from "./testing.ts";

const issuer = await createIssuer();
const other = await createIssuer({ name: "CN=Another CA" });

async function inspected(content: Uint8Array | string): Promise<ManifestSummary> {
  await using manifest = await storedManifest(content);
  const summary = await inspectManifest(
    manifest,
    { batchId: "D001", now: new Date() },
    AbortSignal.timeout(30_000),
  );
  expect(summary.sha256).toBe(manifest.sha256);
  return summary;
}

describe("inspectManifest", () => {
  it("counts devices and refused entries, and names the first ten of these", async () => {
    const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3600_000);
    const devices = [
      ...(await issuer.issueMany(3, { batchId: "D001" })),
      await other.issueDevice({ batchId: "D001", notAfter }),
    ];
    const junk = Array.from({ length: 12 }, (_, index) => `bad-${index},D001,\n`).join("");
    const content = manifestCsv(devices, { batchId: "D001", certificateForm: "base64-der" }) + junk;
    const summary = await inspected(content);
    expect(summary).toMatchObject({
      records: 16,
      devices: 4,
      refused: 12,
      issuers: [issuer.name, other.name],
      keyTypes: ["P-256"],
      earliestExpiry: notAfter.toISOString(),
      format: "CloudIdCsv",
      collidingSerials: new Set(),
    });
    expect(summary.firstRefused).toHaveLength(10);
    expect(summary.firstRefused[0]).toEqual({
      row: 6,
      device: "bad-0",
      reason: "CertificateUnreadable",
      message: "the certificate field is empty",
    });
    await expect(inspected(await manifest7z(content, "D001.csv"))).resolves.toEqual({
      ...summary,
      sha256: expect.any(String),
    });
  });

  it("tells of more issuers than a binding lists, so that a binding never takes a part for the whole", async () => {
    const issuers = await Promise.all(
      Array.from({ length: BINDING_LISTS + 2 }, (_, n) => createIssuer({ name: `CN=CA ${n}` })),
    );
    const devices = await Promise.all(issuers.map((each) => each.issueDevice({ batchId: "D001" })));
    const summary = await inspected(manifestCsv(devices, { batchId: "D001" }));
    expect(summary.devices).toBe(BINDING_LISTS + 2);
    expect(summary.issuers.length).toBeGreaterThan(BINDING_LISTS);
  });

  it("sums up a manifest of which nothing can be accepted", async () => {
    const summary = await inspected("device_id,group_id,certificate\nx,D002,y\n");
    expect(summary).toMatchObject({ records: 1, devices: 0, refused: 1, issuers: [] });
    expect(summary.earliestExpiry).toBeUndefined();
  });

  it("names the serials that several accepted devices bear, and no others", async () => {
    const batchId = "D001";
    const devices = [
      ...(await issuer.issueMany(20, { batchId })),
      await issuer.issueDevice({ batchId, serial: "30309D3B" }),
      await other.issueDevice({ batchId, serial: "30309D3B" }),
      await issuer.issueDevice({ batchId, serial: "30309D3B" }),
      await issuer.issueDevice({ batchId, serial: "11111111" }),
      await other.issueDevice({ batchId, serial: "11111111", keyType: "P-224" }),
    ];
    const repeated = [...devices, ...devices.slice(0, 5)];
    const summary = await inspected(manifestCsv(repeated, { batchId }));
    expect(summary).toMatchObject({ devices: 24, refused: 6 });
    expect(summary.collidingSerials).toEqual(new Set(["30309D3B"]));
  });

  it("refuses a manifest with more colliding serials than are remembered", async () => {
    const batchId = "D001";
    const serials = ["01", "02", "03"];
    const devices = await Promise.all(
      [issuer, other].flatMap((from) => serials.map((serial) => from.issueDevice({ batchId, serial }))),
    );
    await using manifest = await storedManifest(manifestCsv(devices, { batchId }));
    const inspecting = (maxCollidingSerials: number): Promise<ManifestSummary> =>
      inspectManifest(
        manifest,
        { batchId, now: new Date(), limits: { maxCollidingSerials } },
        AbortSignal.timeout(30_000),
      );
    const { collidingSerials } = await inspecting(3);
    expect(collidingSerials).toEqual(new Set(serials));
    const error = await failureOf(inspecting(2));
    expect(error).toMatchObject({ reason: "ManifestTooLarge", transient: false });
    expect(error.message).toContain("2 serial numbers");
  });
});
