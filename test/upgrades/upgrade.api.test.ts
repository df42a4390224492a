import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CloudApi, DeviceBatch, ProvisioningLedger, ReelBinding } from "../../crds/index.ts";
import type { ConfigMap } from "../../operator/accounts/core-kinds.ts";
import { apply, connect, eventually, installCrds } from "../harness/index.ts";
import { startCloud, type TestCloud } from "../clouds/index.ts";
import { AWS_ACCOUNT, Field } from "../field/field.ts";
import { HALF_WAY } from "./population.ts";
import { leadTo, put, readRelease, type Release, RELEASES, type Stated } from "./release.ts";

describe.each(await readdir(RELEASES))("what version %s left, under the operator of this tree", (version) => {
  let release: Release;
  let field: Field;
  /** By namespace and name of their CloudApis; empty, whatever the release's clouds held. */
  const clouds = new Map<string, TestCloud>();

  beforeAll(async () => {
    release = await readRelease(version);
    field = await Field.open({ bare: true });
    await apply(field.client, release.definitions);
    await eventually(async () => (await field.ledgers.list()).items.length === 0);
    for (const api of of<CloudApi>("CloudApi")) {
      const { namespace, name } = api.metadata;
      const cloud = await startCloud({
        flavor: "aws",
        audience: AWS_ACCOUNT,
        jwks: JSON.parse(keysOf(namespace)) as never,
      });
      clouds.set(`${namespace}/${name}`, cloud);
    }
    await put(field, release.objects, (object) => {
      if (object.kind !== "CloudApi") return object;
      const cloud = clouds.get(nameOf(object));
      if (cloud === undefined) throw new Error(`no cloud for ${nameOf(object)}`);
      return leadTo(object as CloudApi, cloud.origin, cloud.caPem);
    });
    // The upgrade: kinds first, as the chart has it, and then the operator.
    await installCrds(field.client);
    await field.operator();
  });

  afterAll(async () => {
    await Promise.all([...clouds.values()].map((cloud) => cloud.stop()));
    await field?.close();
  });

  function of<T extends Stated>(kind: string): T[] {
    return release.objects.filter((object) => object.kind === kind) as T[];
  }

  function keysOf(account: string): string {
    const published = of<ConfigMap>("ConfigMap").find(
      ({ metadata }) => metadata.namespace === account && metadata.name === "certferry-jwks",
    );
    return published?.data?.["jwks.json"] ?? "";
  }

  /** Devices that were sent, by cloud; clouds that were sent none are left out. */
  function sent(): Record<string, number> {
    const counts = [...clouds].map(([name, cloud]): [string, number] => [
      name,
      cloud.received.of("provision").reduce((sum, { refs }) => sum + refs.length, 0),
    ]);
    return Object.fromEntries(counts.filter(([, devices]) => devices > 0));
  }

  it("holds a batch that rests in each way, and one that was half-way", () => {
    const reasons = of<DeviceBatch>("DeviceBatch").map(({ status }) => conditionOf(status, "Ready")?.reason);
    expect(new Set(reasons)).toEqual(
      new Set(["Provisioned", "BoundOnly", "DevicesFailed", "AlreadyBound", "ReelNotFound", "Provisioning"]),
    );
    expect(halfWay(of<ProvisioningLedger>("ProvisioningLedger"))).toBeGreaterThan(0);
    expect(halfWay(of<ProvisioningLedger>("ProvisioningLedger"))).toBeLessThan(HALF_WAY.devices);
  });

  it("goes on where it was, stands as it stood, binds nothing anew and pushes nothing again", async () => {
    const provisioned = halfWay(of<ProvisioningLedger>("ProvisioningLedger"));
    await field.awaitReady(HALF_WAY.account, HALF_WAY.name);
    // What was on its way at the last checkpoint may be sent twice; what the ledger has may not.
    expect(sent()).toEqual({ [`acme/${HALF_WAY.api}`]: HALF_WAY.devices - provisioned });

    // Something new in each account: when it is through, what is old has been looked at.
    for (const [account, api] of [
      ["acme", "first"],
      ["zeta", "cloud"],
    ] as const) {
      await field.ship(`NEW-${account}`, 1);
      await field.batch(account, "new", { batchId: `NEW-${account}`, cloudApis: [{ name: api }] });
      await field.awaitReady(account, "new");
      await field.deleteBatch(account, "new");
    }
    for (const old of of<DeviceBatch>("DeviceBatch")) {
      if (old.metadata.name === HALF_WAY.name) continue;
      expect(standing(await field.batches.get(old.metadata)), nameOf(old)).toEqual(standing(old));
    }
    for (const old of of("Reel")) {
      expect(standing(await field.reels.get(old.metadata)), nameOf(old)).toEqual(standing(old));
    }
    for (const old of of<CloudApi>("CloudApi")) {
      const now = await field.cloudApis.get(old.metadata);
      expect(conditionOf(now.status, "Ready"), nameOf(old)).toMatchObject({
        status: "True",
        lastTransitionTime: conditionOf(old.status, "Ready")?.lastTransitionTime,
      });
    }
    const bindings = new Map((await field.bindings.list()).items.map((each) => [each.metadata.name, each]));
    for (const old of of<ReelBinding>("ReelBinding")) {
      expect(bindings.get(old.metadata.name)?.spec).toEqual(old.spec);
    }
    for (const account of ["acme", "zeta"])
      expect(await field.keysOf(account)).toEqual(JSON.parse(keysOf(account)));
    expect(sent()).toEqual({
      [`acme/${HALF_WAY.api}`]: HALF_WAY.devices - provisioned,
      "acme/first": 1,
      "zeta/cloud": 1,
    });
  });

  it("is taken up by the account's next batch, and repeats no request that was handled", async () => {
    const before = sent();
    await field.batch("acme", "heir", { batchId: "KEPT", cloudApis: [{ name: "first" }] });
    await field.awaitReady("acme", "heir");
    expect(sent()).toEqual(before);
    const annotations = { "certferry.dev/provision-requested-at": "2026-11-24T10:00:00Z" };
    await field.batches.patch({ namespace: "acme", name: "two" }, { metadata: { annotations } });
    await eventually(() => sent()["acme/second"] === 3);
  });

  it("is valid as it is for this version's kinds, in which it is stored", async () => {
    const api = connect(field.plane.kubeconfig);
    try {
      for (const plural of ["reels", "cloudapis", "devicebatches", "reelbindings", "provisioningledgers"]) {
        const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.certferry.dev`;
        const { spec, status } = (await api.request({ method: "GET", path })) as {
          spec: { versions: { name: string; served: boolean; storage: boolean }[] };
          status: { storedVersions: string[] };
        };
        // Every version that something is stored in is still served.
        const served = new Set(spec.versions.filter((each) => each.served).map(({ name }) => name));
        expect(status.storedVersions.filter((name) => !served.has(name))).toEqual([]);
      }
      for (const object of [
        ...of<ReelBinding>("ReelBinding"),
        ...of<ProvisioningLedger>("ProvisioningLedger"),
      ]) {
        const plural = object.kind === "ReelBinding" ? "reelbindings" : "provisioningledgers";
        const metadata = { ...object.metadata, name: `${object.metadata.name}-anew` };
        const fits = api.request({
          method: "POST",
          path: `/apis/certferry.dev/v1alpha1/${plural}`,
          query: { dryRun: "All", fieldValidation: "Strict" },
          body: { ...object, metadata, ...renamed(object) },
        });
        await expect(fits).resolves.toBeDefined();
      }
    } finally {
      await api.close();
    }
  });
});

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly lastTransitionTime: string;
}

function conditionOf(status: unknown, type: string): Condition | undefined {
  return (status as { conditions?: Condition[] } | undefined)?.conditions?.find((each) => each.type === type);
}

/** A status without its words, which a version may choose better. */
function standing({ status }: Stated): object {
  const {
    conditions = [],
    clouds,
    failures,
    ...rest
  } = (status ?? {}) as {
    conditions?: (Condition & { message: string })[];
    clouds?: { message?: string }[];
    failures?: { message: string }[];
  };
  return {
    ...rest,
    clouds: clouds?.map(({ message: _words, ...line }) => line),
    failures: failures?.map(({ message: _words, ...failure }) => failure),
    conditions: conditions.map(({ message: _words, ...condition }) => condition),
  };
}

function halfWay(ledgers: readonly ProvisioningLedger[]): number {
  const own = ledgers.filter(({ spec }) => spec.reel === HALF_WAY.name);
  return own.reduce((sum, { spec }) => sum + spec.counts.provisioned, 0);
}

/** A binding's name follows from its batch ID. */
function renamed(object: ReelBinding | ProvisioningLedger): object {
  return object.kind === "ReelBinding"
    ? { spec: { ...object.spec, batchId: `${object.spec.batchId}-anew` } }
    : {};
}

function nameOf({
  metadata: { namespace, name },
}: {
  metadata: { namespace?: string; name: string };
}): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
