import { expect, it } from "vitest";
import { EgressPolicy } from "../../interop/egress/policy.ts";
import { createIssuer, manifest7z, manifestCsv } from "../../tools/factory/index.ts";
import { ManifestStore } from "../manifests/index.ts";
import { temporaryFolder } from "../manifests/testing.ts";
import { type ContentsQuery, ReelContents } from "./reel-contents.ts";

const issuer = await createIssuer();
const devices = await issuer.issueMany(3, { batchId: "D001" });
const csv = manifestCsv(devices, { batchId: "D001" });

it("measures what it reads unpacked", async () => {
  await using folder = await temporaryFolder();
  const packed = await manifest7z(csv, "D001.csv");
  expect(packed.length).toBeLessThan(csv.length);
  const store = new ManifestStore({
    dir: folder.path,
    maxBytes: 1024 ** 2,
    maxManifestBytes: 1024 ** 2,
    readConfigMap: () => Promise.resolve(packed),
    readSecret: () => Promise.reject(new Error("unused")),
    egress: new EgressPolicy({ env: {} }),
  });
  const query: ContentsQuery = {
    batchId: "D001",
    source: { configMap: { name: "manifests", key: "d001.7z" } },
    evaluatedAt: new Date(),
  };
  const enough = new ReelContents(store, { maxContentBytes: csv.length });
  await expect(enough.inspect(query, AbortSignal.timeout(20_000))).resolves.toMatchObject({ devices: 3 });
  const tooLittle = new ReelContents(store, { maxContentBytes: csv.length - 1 });
  const refused = { reason: "ManifestTooLarge" };
  await expect(tooLittle.inspect(query, AbortSignal.timeout(20_000))).rejects.toMatchObject(refused);
  const reading = Array.fromAsync(tooLittle.read(query, AbortSignal.timeout(20_000)));
  await expect(reading).rejects.toMatchObject(refused);
});
