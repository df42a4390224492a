import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { findGitopsHealth } from "../../tools/gitops-health/source.ts";
import { findKubectl } from "../../tools/kubectl/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { ENTRY_MESSAGES } from "../../interop/protocol/messages.ts";
import { asDocumented } from "../field/documented.ts";
import { Field } from "../field/field.ts";
import { Site } from "../field/site.ts";
import type { OperatorProcess } from "../harness/index.ts";
import { Kubectl } from "./kubectl.ts";
import { Tools, type Verdicts } from "./verdicts.ts";

const missing = await missingPart(findGitopsHealth(), findKubectl());

const WAIT = ["wait", "--for=condition=Ready"];

const CURRENT: Verdicts = { flux: "Current", argo: "Healthy" };
const IN_PROGRESS: Verdicts = { flux: "InProgress", argo: "Progressing" };
const FAILED: Verdicts = { flux: "Failed", argo: "Degraded" };
const SUSPENDED: Verdicts = { flux: "Failed", argo: "Suspended" };
const TERMINATING: Verdicts = { flux: "Terminating", argo: "Progressing" };

describe.skipIf(missing !== undefined)(`what Flux and Argo CD see${missing ?? ""}`, () => {
  let field: Field;
  let site: Site;
  let tools: Tools;
  let kubectl: Kubectl;
  let operator: OperatorProcess;

  const batch = (name: string): Promise<KubeObject> => field.batches.get({ namespace: "acme", name });
  const api = (name: string): Promise<KubeObject> => field.cloudApis.get({ namespace: "acme", name });
  const reel = (name: string): Promise<KubeObject> => field.reels.get({ name });

  beforeAll(async () => {
    [field, tools] = await Promise.all([Field.open(), Tools.open()]);
    kubectl = new Kubectl(field.plane.kubeconfig);
    site = await Site.open(field, "acme");
    await site.aws("cloud");
    await field.ship("GOOD-1", 2);
    await site.bind("GOOD-1", ["cloud"]);
  });

  afterAll(async () => {
    await tools?.close();
    await field?.close();
  });

  it("has a health check for each kind that people declare", () => {
    expect(tools.kinds).toEqual(["CloudApi", "DeviceBatch", "Reel"]);
  });

  it("brings Argo CD's health checks into its ConfigMap by the command of the docs", async () => {
    const argocd = { namespace: "argocd", name: "argocd-cm" };
    await kubectl.run("create", "namespace", argocd.namespace);
    await kubectl.run("create", "configmap", "-n", argocd.namespace, argocd.name, "--from-literal=url=kept");
    const place = { page: "gitops.md", heading: "Argo CD", block: 0 };
    const root = resolve(import.meta.dirname, "../..");
    await asDocumented(place, { kubeconfig: field.plane.kubeconfig, cwd: root });
    const { data = {} } = await field.configMaps.get(argocd);
    expect(Object.keys(data).sort()).toEqual([
      ...tools.kinds.map((kind) => `resource.customizations.health.certferry.dev_${kind}`),
      "url",
    ]);
  });

  it("in progress: what no operator has looked at yet", async () => {
    for (const object of [await reel("good-1"), await api("cloud"), await batch("good-1")]) {
      expect(await tools.of(object), object.kind).toEqual(IN_PROGRESS);
    }
    const waited = await kubectl.try(...WAIT, "--timeout=0", "-n", "acme", "batch/good-1");
    expect(waited.code).not.toBe(0);
  });

  it("current: what is as it was declared, which kubectl waits for", async () => {
    operator = await field.operator();
    await kubectl.run("wait", "--for=condition=Ready", "--timeout=30s", "-n", "acme", "batch/good-1");
    await kubectl.run("wait", "--for=condition=Ready", "--timeout=30s", "-n", "acme", "capi/cloud");
    await kubectl.run("wait", "--for=condition=Ready", "--timeout=30s", "reel/good-1");
    for (const object of [await reel("good-1"), await api("cloud"), await batch("good-1")]) {
      expect(await tools.of(object), object.kind).toEqual(CURRENT);
    }
    await field.ship("FREE-1", 1);
    expect(await tools.of(await field.awaitReel("FREE-1", "True", "Available"))).toEqual(CURRENT);
    await field.ship("BARE-1", 1);
    await site.bind("BARE-1", undefined, { provisioning: "Manual" });
    expect(await tools.of(await site.ready("BARE-1"))).toEqual(CURRENT);
  });

  it("in progress: what changes by itself, be it that it is worked on or tried again", async () => {
    const gone = await site.aws("gone");
    await gone.down();
    await field.awaitApi("acme", "gone", "False", "ConnectionRefused");
    expect(await tools.of(await api("gone"))).toEqual(IN_PROGRESS);
    await field.ship("HELD-1", 1);
    await site.bind("HELD-1", ["gone"]);
    expect(await tools.of(await site.notReady("HELD-1", "False", "CloudBlocked"))).toEqual(IN_PROGRESS);
    await site.bind("LATER-1", ["cloud"]);
    expect(await tools.of(await site.notReady("LATER-1", "False", "ReelNotFound"))).toEqual(IN_PROGRESS);
    const nowhere = { configMap: { name: "nowhere", key: "manifest.csv" } };
    await field.reel("LOST-1", nowhere);
    expect(await tools.of(await field.awaitReel("LOST-1", "False", "SourceUnavailable"))).toEqual(
      IN_PROGRESS,
    );
  });

  it("failed: what waits for a person; Argo CD has a word of its own for what is suspended", async () => {
    await field.shipCsv("JUNK-1", "<html>not here</html>");
    expect(await tools.of(await field.awaitReel("JUNK-1", "False", "NotAManifest"))).toEqual(FAILED);
    const picky = await site.aws("picky");
    const [bad] = await field.ship("BAD-1", 2);
    const refs = [bad?.deviceId ?? ""];
    picky.manners = { refuse: { refs, message: ENTRY_MESSAGES.validityOutOfRange } };
    await site.bind("BAD-1", ["picky"]);
    expect(await tools.of(await site.notReady("BAD-1", "False", "DevicesFailed"))).toEqual(FAILED);
    const rival = await Site.open(field, "globex");
    await rival.bind("GOOD-1", undefined, { provisioning: "Manual" });
    expect(await tools.of(await rival.notReady("GOOD-1", "False", "AlreadyBound"))).toEqual(FAILED);

    await site.editApi("gone", { suspend: true });
    await field.awaitApi("acme", "gone", "False", "Suspended");
    expect(await tools.of(await api("gone"))).toEqual(SUSPENDED);
    expect(await tools.of(await site.notReady("HELD-1", "False", "Suspended"))).toEqual(SUSPENDED);
  });

  it("in progress again: what was changed since the operator looked, whatever its conditions say", async () => {
    operator.pause();
    try {
      await site.edit("GOOD-1", { deletionPolicy: "Deprovision" });
      await site.editApi("cloud", { displayName: "another" });
      await field.reels.patch({ name: "good-1" }, { spec: { reservedFor: { namespace: "acme" } } });
      for (const object of [await reel("good-1"), await api("cloud"), await batch("good-1")]) {
        expect(await tools.of(object), object.kind).toEqual(IN_PROGRESS);
      }
      // Ready is True still, but of a generation that is past.
      const waited = await kubectl.try(...WAIT, "--timeout=0", "-n", "acme", "batch/good-1");
      expect(waited.code).not.toBe(0);
    } finally {
      operator.resume();
    }
    await site.ready("GOOD-1");
    expect(await tools.of(await batch("good-1"))).toEqual(CURRENT);
  });

  it("terminating: what is deleted and may not go yet", async () => {
    await field.cloudApis.delete({ namespace: "acme", name: "cloud" });
    await field.batches.delete({ namespace: "acme", name: "good-1" });
    // The cloud cannot take devices out, and so both are held.
    await site.notReady("GOOD-1", "False", "DeprovisionUnsupported");
    await field.reels.patch({ name: "free-1" }, { metadata: { finalizers: ["example.com/hold"] } });
    await field.reels.delete({ name: "free-1" });
    for (const object of [await reel("free-1"), await api("cloud"), await batch("good-1")]) {
      expect(await tools.of(object), object.kind).toEqual(TERMINATING);
    }
    await field.reels.patch({ name: "free-1" }, { metadata: { finalizers: [] } });
    await site.edit("GOOD-1", { deletionPolicy: "Retain" });
    await kubectl.run("wait", "--for=delete", "--timeout=30s", "-n", "acme", "batch/good-1", "capi/cloud");
  });
});
