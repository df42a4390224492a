import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findHelm } from "../../tools/helm/source.ts";
import { missingPart } from "../../tools/setup/missing-part.ts";
import { OPERATOR_NAMESPACE as NAMESPACE } from "../field/field.ts";
import { eventually } from "../harness/index.ts";
import type { RunningPod } from "./container.ts";
import { Helm } from "./helm.ts";
import { ACCOUNT, Site } from "./installation.ts";
import { handOver, WholeJob } from "./job.ts";
import { permissionsOf, words } from "./rights.ts";

const missing = await missingPart(findHelm());

describe.skipIf(missing !== undefined)(`an installation for some accounts only${missing ?? ""}`, () => {
  let site: Site;
  let helm: Helm;
  let first: RunningPod;

  beforeAll(async () => {
    site = await Site.open();
    helm = await Helm.open(site.field.plane.kubeconfig);
    for (const name of [NAMESPACE, "acme", "later", "private"]) {
      await site.field.namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    }
    await helm.upgrade(NAMESPACE, {
      watchNamespaces: ["acme", "later"],
      egressAllowCidrs: ["127.0.0.1/32"],
    });
    first = await site.containers.start(NAMESPACE);
  });

  afterAll(async () => {
    await helm?.close();
    await site?.close();
  });

  it("has no right in the whole cluster but on Reels, the two records, and these namespaces by name", async () => {
    const permissions = await permissionsOf(site.field.client, ACCOUNT);
    const everywhere = permissions.filter(({ namespace }) => namespace === undefined);
    expect(new Set(everywhere.map(({ resource, names }) => [resource, ...names].join(" ")))).toEqual(
      new Set(["reels", "reels/status", "reelbindings", "provisioningledgers", "namespaces acme later"]),
    );
    const places = permissions.flatMap(({ namespace }) => namespace ?? []);
    expect(new Set(places)).toEqual(new Set([NAMESPACE, "acme", "later", "default"]));
    expect(
      permissions
        .filter(({ resource, verb }) => resource === "secrets" && /list|watch/.test(verb))
        .map(words),
    ).toEqual([]);
  });

  it("runs the whole job under those rights, needs every one of them, and sees nothing elsewhere", async () => {
    const { field } = site;
    await eventually(() => first.ready());
    const cloud = await field.cloud("private");
    await field.awsApi("private", "aws", cloud);
    await field.batch("private", "unseen", { batchId: "PRIVATE-1", cloudApis: [{ name: "aws" }] });

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

    // What belongs to an account that is not served is left as it is, and shows no sign of having been seen.
    await field.ship("PRIVATE-1", 1);
    await field.awaitReel("PRIVATE-1", "True", "Available");
    const unseen = { observedGeneration: -1 };
    expect((await field.batches.get({ namespace: "private", name: "unseen" })).status).toEqual(unseen);
    expect((await field.cloudApis.get({ namespace: "private", name: "aws" })).status).toEqual(unseen);
    expect(await field.configMaps.find({ namespace: "private", name: "certferry-jwks" })).toBeUndefined();

    // An account whose namespace went and came again.
    await field.namespaces.delete({ name: "later" });
    await eventually(async () => (await field.namespaces.find({ name: "later" })) === undefined);
    await helm.upgrade(NAMESPACE, { watchNamespaces: ["acme"], egressAllowCidrs: ["127.0.0.1/32"] });
    await second.stop();
    expect(await site.refused()).toEqual([]);
    expect(await site.idle()).toEqual([]);
    expect(await site.dispensable()).toEqual([]);
    expect(await site.secretRequests()).toEqual({ verbs: ["create", "get", "update"], nameless: [] });
  }, 180_000);
});
