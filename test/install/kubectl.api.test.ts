import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { findKubectl } from "../../tools/kubectl/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { OPERATOR_NAMESPACE as NAMESPACE } from "../field/field.ts";
import { eventually, parseObjects } from "../harness/index.ts";
import { isolationMissing } from "./container.ts";
import { Site } from "./installation.ts";
import { inventory } from "./inventory.ts";
import { admitted, deployed } from "./pod.ts";

const run = promisify(execFile);
const CHARTS = resolve(import.meta.dirname, "../../charts");
const missing = await missingPart(findKubectl());
const notIsolated = await isolationMissing();

describe.skipIf(missing !== undefined)(`install.yaml and the kustomize base${missing ?? ""}`, () => {
  let site: Site;
  let folder: string;
  let before: string[];

  beforeAll(async () => {
    site = await Site.open();
    folder = await mkdtemp(join(tmpdir(), "certferry-kustomize-"));
    before = await inventory(site.field.client);
  });

  afterAll(async () => {
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function kubectl(...args: string[]): Promise<string> {
    const { path } = await findKubectl();
    const env = { ...process.env, KUBECONFIG: site.field.plane.kubeconfig };
    return (await run(path, args, { env, timeout: 60_000, maxBuffer: 1e8 })).stdout;
  }

  it("are the same", async () => {
    const byName = (text: string) =>
      parseObjects(text)
        .map((object) => JSON.stringify(object))
        .sort();
    const built = byName(await kubectl("kustomize", join(CHARTS, "kustomize")));
    const { stdout } = await run("cat", [join(CHARTS, "install.yaml")], { maxBuffer: 1e8 });
    expect(built.map((text) => JSON.parse(text) as unknown)).toHaveLength(byName(stdout).length);
    const sorted = (texts: string[]) =>
      texts.map((text) => stringify(JSON.parse(text), { sortMapEntries: true })).sort();
    expect(sorted(built)).toEqual(sorted(byName(stdout)));
  });

  it("are applied in one go, and again without a change", async () => {
    const apply = ["apply", "--server-side", "--validate=strict", "-f", join(CHARTS, "install.yaml")];
    expect(await kubectl(...apply)).toContain("deployment.apps/certferry-operator serverside-applied");
    const version = async () => (await deployed(site.field.client, NAMESPACE)).metadata.resourceVersion;
    const first = await version();
    await kubectl(...apply);
    expect(await version()).toBe(first);
    // The namespace that comes with it admits nothing laxer.
    const deployment = await deployed(site.field.client, NAMESPACE);
    await expect(admitted(site.field.client, deployment)).resolves.toBeUndefined();
  });

  it("give an operator that works, reads manifests from its volume and writes nowhere but to its own", async () => {
    const { field } = site;
    // An overlay, as docs/install.md has it.
    const patch = [
      {
        op: "add",
        path: "/spec/template/spec/containers/0/args/-",
        value: "--egress-allow-cidr=127.0.0.1/32",
      },
      { op: "add", path: "/spec/template/spec/containers/0/args/-", value: "--manifest-root=/manifests" },
    ];
    const target = { kind: "Deployment", name: "certferry-operator" };
    const kustomization = {
      apiVersion: "kustomize.config.k8s.io/v1beta1",
      kind: "Kustomization",
      resources: [relative(folder, join(CHARTS, "kustomize"))],
      patches: [{ target, patch: JSON.stringify(patch) }],
    };
    await writeFile(join(folder, "kustomization.yaml"), stringify(kustomization));
    await kubectl("apply", "--server-side", "--force-conflicts", "-k", folder);
    const manifests = field.manifests;
    await run("chmod", ["a+rx", manifests]);
    const pod = await site.containers.start(NAMESPACE, { manifests });
    await eventually(() => pod.ready());
    await field.account("acme");
    const cloud = await field.cloud("acme");
    await field.awsApi("acme", "aws", cloud);
    const { manifest7z, manifestCsv } = await import("../../tools/factory/index.ts");
    const devices = await field.issuer.issueMany(20, { batchId: "PACKED-1" });
    // 7-Zip runs in a thread of its own, with its own file in the image.
    await field.shipFile(
      "PACKED-1",
      await manifest7z(manifestCsv(devices, { batchId: "PACKED-1" }), "PACKED-1.csv"),
    );
    await field.batch("acme", "packed", { batchId: "PACKED-1", cloudApis: [{ name: "aws" }] });
    await field.awaitReady("acme", "packed");
    expect(cloud.registry.counts().devices).toBe(20);
    if (notIsolated === undefined) await confined(pod.process.pid);
    await field.deleteBatch("acme", "packed");
    await field.cloudApis.delete({ namespace: "acme", name: "aws" });
    await field.bindings.delete({ name: "packed-1" });
    await field.reels.delete({ name: "packed-1" });
    await eventually(async () => (await field.reels.list()).items.length === 0);
    await eventually(async () => (await field.bindings.list()).items.length === 0);
    await field.namespaces.delete({ name: "acme" });
    expect(await pod.stop()).toMatchObject({ code: 0 });
  }, 120_000);

  it("are removed in one go, and nothing is left", async () => {
    await kubectl("delete", "--wait=false", "-f", join(CHARTS, "install.yaml"));
    const { client } = site.field;
    let left: string[] = [];
    await eventually(
      async () => {
        left = (await inventory(client)).filter((object) => !before.includes(object));
        return left.length === 0;
      },
      { what: "nothing is left" },
    ).catch(() => undefined);
    expect(left).toEqual([]);
  });
});

/** What the kernel says of the process: whose it is, what it may, and what of its root can be written to. */
async function confined(pid: number): Promise<void> {
  const { stdout: status } = await run("cat", [`/proc/${pid}/status`]);
  expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
  expect(status).toMatch(/^Gid:\t65532\t65532\t65532\t65532$/m);
  expect(status).toMatch(/^Groups:\t\s*$/m);
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    expect(status).toMatch(new RegExp(`^${set}:\\t0+$`, "m"));
  }
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  const { stdout: mounts } = await run("cat", [`/proc/${pid}/mountinfo`]);
  const writable = mounts
    .split("\n")
    .filter(
      (line) =>
        / rw[, ]/u.test(line.split(" - ")[0] ?? "") &&
        !/\/(?:proc|dev)(?:\/|$)/u.test(line.split(" ")[4] ?? ""),
    )
    .map((line) => line.split(" ")[4]);
  expect(writable).toEqual(["/data"]);
}
