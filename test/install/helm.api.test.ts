import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findHelm } from "../../tools/helm/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { OPERATOR_NAMESPACE as NAMESPACE } from "../field/field.ts";
import { eventually } from "../harness/index.ts";
import type { RunningPod } from "./container.ts";
import { Helm } from "./helm.ts";
import { Site } from "./installation.ts";
import { inventory } from "./inventory.ts";
import { handOver, WholeJob } from "./job.ts";
import { admitted, deployed } from "./pod.ts";

const missing = await missingPart(findHelm());
const LOOPBACK = { egressAllowCidrs: ["127.0.0.1/32"] };

describe.skipIf(missing !== undefined)(`the Helm chart, installed${missing ?? ""}`, () => {
  let site: Site;
  let helm: Helm;
  let before: string[];
  let first: RunningPod;

  beforeAll(async () => {
    site = await Site.open();
    helm = await Helm.open(site.field.plane.kubeconfig);
    const { client, namespaces } = site.field;
    // As docs/install.md has it.
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } });
    before = await inventory(client);
    await helm.upgrade(NAMESPACE, LOOPBACK);
    first = await site.containers.start(NAMESPACE);
  });

  afterAll(async () => {
    await helm?.close();
    await site?.close();
  });

  it("makes pods that the strictest Pod Security level admits", async () => {
    const { client } = site.field;
    const deployment = await deployed(client, NAMESPACE);
    await expect(admitted(client, deployment)).resolves.toBeUndefined();
    const { spec } = deployment.spec.template;
    const careless = { ...spec, securityContext: { ...spec.securityContext, runAsNonRoot: false } };
    const template = { ...deployment.spec.template, spec: careless };
    await expect(admitted(client, { ...deployment, spec: { ...deployment.spec, template } })).rejects.toThrow(
      /restricted/,
    );
  });

  it("runs the whole job under the rights that it brings, through a hand-over, and needs every one of them", async () => {
    const { field } = site;
    await eventually(() => first.ready());
    await field.account("acme");
    const job = await WholeJob.begin(field, "acme");
    await job.provision();
    await job.takeUp();
    await job.tearOut(first);
    await job.tell();
    const { proxy, pod: second } = await site.proxied();
    await eventually(() => second.ready());
    await handOver(first, second);
    await job.rotateKey();
    await job.lose(proxy);
    await job.end();
    await second.stop();
    expect(await site.refused()).toEqual([]);
    expect(await site.idle()).toEqual([]);
    expect(await site.dispensable()).toEqual([]);
    expect(await site.secretRequests()).toEqual({ verbs: ["create", "get", "update"], nameless: [] });
  }, 180_000);

  it("is brought up to date with its kinds, and what people made stays", async () => {
    const { field } = site;
    const crds = field.client.resource<Crd>(CRD);
    const name = "devicebatches.certferry.dev";
    await field.ship("STAYS-1", 2);
    // A release that knew a column less.
    const had = (await crds.get({ name })).spec.versions[0]?.additionalPrinterColumns ?? [];
    await crds.patch({ name }, [{ op: "remove", path: "/spec/versions/0/additionalPrinterColumns/0" }], {
      type: "json",
    });
    await helm.upgrade(NAMESPACE, { ...LOOPBACK, logLevel: "debug", replicas: 1 }, "--force-conflicts");
    expect((await crds.get({ name })).spec.versions[0]?.additionalPrinterColumns).toEqual(had);
    const { spec } = await deployed(field.client, NAMESPACE);
    expect(spec.replicas).toBe(1);
    expect(spec.template.spec.containers[0].args).toContain("--log-level=debug");
    await field.account("globex");
    const pod = await site.containers.start(NAMESPACE);
    const cloud = await field.cloud("globex");
    await field.awsApi("globex", "aws", cloud);
    await field.batch("globex", "stays", { batchId: "STAYS-1", cloudApis: [{ name: "aws" }] });
    await field.awaitReady("globex", "stays");
    expect(cloud.registry.counts().devices).toBe(2);
    await field.deleteBatch("globex", "stays");
    await pod.stop();
  }, 120_000);

  it("keeps the kinds when it is uninstalled, takes them up when it is installed again, and leaves nothing in the documented order", async () => {
    const { field } = site;
    await helm.run("uninstall", "certferry", "--namespace", NAMESPACE);
    expect((await field.reels.list()).items.map(({ metadata }) => metadata.name)).toContain("stays-1");
    await helm.upgrade(NAMESPACE, LOOPBACK);
    const pod = await site.containers.start(NAMESPACE);
    await cleanUp(site);
    await pod.stop();
    await helm.run("uninstall", "certferry", "--namespace", NAMESPACE);
    await dropKinds(site);
    const left = await eventually(async () => {
      const now = await inventory(field.client);
      return now.every((object) => before.includes(object)) ? now : undefined;
    }).catch(async () => await inventory(field.client));
    expect(left).toEqual(before);
  }, 120_000);
});

interface Crd {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: { versions: { additionalPrinterColumns?: object[] }[] };
}

const CRD = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
} as const;

/** docs/install.md, "Uninstall": while the operator still runs, what it holds is let go. */
async function cleanUp({ field }: Site): Promise<void> {
  const { items } = await field.batches.list();
  for (const { metadata } of items) await field.deleteBatch(metadata.namespace ?? "", metadata.name);
  for (const client of [field.cloudApis, field.bindings, field.reels] as const) {
    for (const { metadata } of (await client.list()).items) await client.delete(metadata);
    await eventually(async () => (await client.list()).items.length === 0, {
      what: `${client.kind.plural} are gone`,
    });
  }
  for (const name of ["acme", "globex"]) await field.namespaces.delete({ name });
  const secrets = await field.secrets.list({ namespace: NAMESPACE });
  for (const { metadata } of secrets.items.filter(({ metadata }) =>
    metadata.name.startsWith("certferry-signing-key-"),
  )) {
    await field.secrets.delete(metadata);
  }
  const configMaps = await field.configMaps.list({ namespace: NAMESPACE });
  for (const { metadata } of configMaps.items.filter(({ metadata }) =>
    metadata.name.startsWith("manifest-"),
  )) {
    await field.configMaps.delete(metadata);
  }
}

async function dropKinds({ field }: Site): Promise<void> {
  const crds = field.client.resource<Crd>(CRD);
  for (const { metadata } of (await crds.list()).items) {
    if (metadata.name.endsWith(".certferry.dev")) await crds.delete(metadata);
  }
}
