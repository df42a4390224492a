import { describe, expect, it } from "vitest";
import {
  API_VERSION,
  type CloudApi,
  type DeviceBatch,
  LEDGER_REEL_LABEL,
  LEDGER_TARGET_LABEL,
  PROVISION_REQUESTED_AT,
  type ProvisioningLedger,
  type Reel,
  type ReelBinding,
} from "../../../crds/index.ts";
import { encodeStates, LEDGER_FORMAT } from "../../provisioning/ledger/format.ts";
import { countStates, LEAVING, PENDING, PROVISIONED, REMOVED } from "../../provisioning/ledger/states.ts";
import { chunkName } from "../../provisioning/ledger/store.ts";
import { type TargetIdentity, targetOf } from "../../provisioning/target.ts";
import { Rig } from "../../provisioning/testing/rig.ts";
import { CloudLinks } from "../cloudapi/links.ts";
import { ControllerRig, until } from "../testing/controllers.ts";
import type { CloudView } from "./cloud-progress.ts";
import { explain } from "./cloud-progress.ts";
import { arrangeDepartures } from "./departures.ts";
import { arrangePlacements, type PlacementsDeps, requestOf } from "./placements.ts";
import { boundStatus } from "./status.ts";

const SHA = "b".repeat(64);
function batchOf(spec: Partial<DeviceBatch["spec"]> = {}, request?: string): DeviceBatch {
  return {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: {
      name: "b",
      namespace: "acme",
      ...(request === undefined ? {} : { annotations: { [PROVISION_REQUESTED_AT]: request } }),
    },
    spec: {
      batchId: "D001",
      provisioning: "Automatic",
      deletionPolicy: "Retain",
      cloudApis: [{ name: "aws" }],
      ...spec,
    },
  };
}

const binding: ReelBinding = {
  apiVersion: API_VERSION,
  kind: "ReelBinding",
  metadata: { name: "d001" },
  spec: {
    account: "acme",
    batchId: "D001",
    batch: "b",
    boundAt: "2026-03-01T11:00:00Z",
    evaluatedAt: "2026-03-01T11:00:00Z",
    manifestSha256: SHA,
    devices: 2,
    records: 2,
  },
};

const reel: Reel = {
  apiVersion: API_VERSION,
  kind: "Reel",
  metadata: { name: "d001" },
  spec: { batchId: "D001", manifest: { file: { path: "d001.csv" } } },
};

function apiTo(region: string): CloudApi {
  return {
    apiVersion: API_VERSION,
    kind: "CloudApi",
    metadata: { name: "aws", namespace: "acme" },
    spec: {
      type: "AWS",
      aws: { accountId: "123456789012", apiGatewayId: "a1b2c3d4e5", region, stage: "Prod" },
    },
  };
}

function targetIn(region: string): TargetIdentity {
  const target = targetOf(apiTo(region).spec);
  if (target === undefined) throw new Error("it has a target");
  return target;
}

function ledger(
  region: string,
  more: Partial<Pick<ProvisioningLedger["spec"], "account" | "manifestSha256" | "startedAt">> = {},
): ProvisioningLedger {
  const target = targetIn(region);
  const states = Uint8Array.of(PROVISIONED, PROVISIONED);
  return {
    apiVersion: API_VERSION,
    kind: "ProvisioningLedger",
    metadata: {
      name: chunkName("d001", target, 0),
      labels: { [LEDGER_REEL_LABEL]: "d001", [LEDGER_TARGET_LABEL]: target.hash },
    },
    spec: {
      reel: "d001",
      account: "acme",
      target: { key: target.key, type: target.type, cloudApi: "aws" },
      manifestSha256: SHA,
      chunk: { index: 0, first: 0, devices: 2 },
      format: LEDGER_FORMAT,
      data: encodeStates(states),
      counts: countStates(states),
      ...more,
    },
  };
}

interface Given {
  readonly api?: CloudApi;
  /** The CloudApi as it was when it was probed. */
  readonly probed?: CloudApi | undefined;
  readonly ledgers?: readonly ProvisioningLedger[];
  readonly canDeprovision?: boolean;
}

/** Shows how the clouds of a batch are seen. */
async function arrange(
  { api, probed = api, ledgers = [], canDeprovision = false }: Given,
  look: (clouds: CloudView[], deps: PlacementsDeps) => void,
): Promise<void> {
  await using rig = await Rig.open();
  using controllers = await ControllerRig.start();
  const { cluster } = controllers;
  await cluster.reels.client.create(reel);
  for (const each of ledgers) await cluster.ledgers.client.create(each);
  const { reels, cloudApis } = cluster;
  const links = new CloudLinks();
  if (api !== undefined) {
    await cloudApis.client.create(api);
    await until(() => cloudApis.cache.list().length === 1);
    const target = probed && targetOf(probed.spec);
    const [cached] = cloudApis.cache.list();
    if (cached !== undefined && target !== undefined) {
      const auth = { kind: "bearer" as const, token: () => Promise.resolve("token") };
      const interop = { url: "https://cloud.test.invalid/Prod/interop", auth };
      links.set(cached, {
        target,
        interop,
        limits: {},
        namesBySerial: true,
        policyExpected: true,
        canDeprovision,
      });
    }
  }
  await until(() => reels.cache.list().length === 1);
  await until(() => cluster.ledgers.cache.list().length === ledgers.length);
  const deps = { cluster, links, ferry: rig.ferry };
  look(arrangePlacements(batchOf(), binding, ["aws"], deps), deps);
}

function statusOf(clouds: CloudView[]): ReturnType<typeof boundStatus> {
  return boundStatus(
    {
      batch: batchOf(),
      binding,
      choice: { kind: "clouds", names: ["aws"] },
      clouds,
      departures: [],
      request: undefined,
    },
    new Date(),
  );
}

describe("arrangePlacements", () => {
  it("counts the ledgers of this account and this manifest", async () => {
    await arrange({ api: apiTo("eu-west-1"), ledgers: [ledger("eu-west-1")] }, (clouds) => {
      expect(statusOf(clouds).clouds).toMatchObject([{ state: "Provisioned", provisioned: 2 }]);
    });
  });

  it.each([
    [{ account: "zeta" }, /was left by another account/],
    [{ manifestSha256: "c".repeat(64) }, /was written for another manifest/],
  ] as const)("never takes for its own what others left: %j", async (others, why) => {
    const left = ledger("eu-west-1", others);
    await arrange({ api: apiTo("eu-west-1"), ledgers: [left] }, (clouds, deps) => {
      const [line] = statusOf(clouds).clouds ?? [];
      expect(line).toMatchObject({ state: "Blocked", provisioned: 0, pending: 2 });
      expect(line?.message).toMatch(/^LedgerUnreadable: ledger d001\./);
      expect(line?.message).toMatch(why);
      expect(line?.message).toContain(
        `kubectl delete ledger -l certferry.dev/reel=d001,certferry.dev/target=${targetIn("eu-west-1").hash}`,
      );
      expect(line?.message).not.toContain("zeta");
      const going = batchOf({ deletionPolicy: "Deprovision" });
      expect(arrangeDepartures(going, binding, new Set(), deps)).toEqual([]);
    });
  });

  it("sees where a CloudApi led that is gone, last of all if it led to several clouds", async () => {
    const ledgers = [
      ledger("eu-west-1", { startedAt: "2026-03-02T00:00:00Z" }),
      ledger("eu-west-2", { startedAt: "2026-03-01T00:00:00Z" }),
    ];
    await arrange({ ledgers }, ([view]) => {
      expect(view?.ledgers.map(({ spec }) => spec.target.key)).toEqual([targetIn("eu-west-1").key]);
    });
  });

  it("has devices that were taken out go in again when their cloud is named once more, half-way or not", async () => {
    for (const states of [
      Uint8Array.of(REMOVED, PROVISIONED),
      Uint8Array.of(REMOVED, REMOVED),
      Uint8Array.of(LEAVING, PROVISIONED),
    ]) {
      const halfOut = ledger("eu-west-1");
      halfOut.spec.data = encodeStates(states);
      halfOut.spec.counts = countStates(states);
      await arrange({ api: apiTo("eu-west-1"), ledgers: [halfOut] }, (clouds, { ferry }) => {
        const { clouds: lines, conditions } = statusOf(clouds);
        expect(lines?.map(({ state }) => state)).not.toContain("Provisioned");
        expect(conditions).not.toContainEqual(expect.objectContaining({ type: "Ready", status: "True" }));
        const key = `d001/${targetIn("eu-west-1").hash}`;
        expect(ferry.progress(key)).toMatchObject({ running: true, direction: "in" });
      });
    }
  });

  it("does not go through a link that was probed for another cloud", async () => {
    await arrange({ api: apiTo("eu-west-1"), probed: apiTo("eu-west-2") }, ([view]) => {
      expect(view).toMatchObject({ link: undefined, obstacle: { state: "Pending", reason: "NotProbedYet" } });
    });
  });

  it("tells a CloudApi that is going from one that is not there", async () => {
    const api = apiTo("eu-west-1");
    const going = {
      ...api,
      metadata: { ...api.metadata, finalizers: ["x.test/held"], deletionTimestamp: "2026-03-01T12:00:00Z" },
    };
    await arrange({ api: going }, ([view]) => {
      expect(view?.obstacle).toMatchObject({ state: "Blocked", reason: "CloudApiNotFound" });
      expect(view?.obstacle?.message).toBe("CloudApi aws is being deleted, so nothing is sent through it");
    });
    await arrange({}, ([view]) => {
      expect(view?.obstacle && explain(view.obstacle, new Date(0))).toBe(
        "CloudApiNotFound: there is no CloudApi aws in this namespace. Whose matter: account. What to do: create it, or change spec.cloudApis. Goes on by itself then",
      );
    });
  });
});

describe("arrangeDepartures", () => {
  const leaving = batchOf({ deletionPolicy: "Deprovision" });
  const api = apiTo("eu-west-1");
  const ledgers = [ledger("eu-west-1")];

  it("lets nobody leave where the policy is Retain, or the cloud is declared", async () => {
    await arrange({ api, ledgers, canDeprovision: true }, (clouds, deps) => {
      expect(arrangeDepartures(batchOf(), binding, new Set(), deps)).toEqual([]);
      const staying = new Set(clouds.flatMap((cloud) => cloud.ledgers.map(({ metadata }) => metadata.name)));
      expect(arrangeDepartures(leaving, binding, staying, deps)).toEqual([]);
    });
  });

  it("has devices leave through the CloudApi that leads there now", async () => {
    const renamed = { ...api, metadata: { ...api.metadata, name: "aws-2" } };
    await arrange({ api: renamed, ledgers, canDeprovision: true }, (_clouds, deps) => {
      expect(arrangeDepartures(leaving, binding, new Set(), deps)).toMatchObject([
        { name: "aws-2", target: targetIn("eu-west-1").key, counts: { provisioned: 2 }, obstacle: undefined },
      ]);
    });
  });

  it.each([
    ["a cloud that cannot take them out", { api }, "DeprovisionUnsupported"],
    ["a CloudApi that is gone", {}, "CloudApiNotFound"],
    ["a CloudApi that leads elsewhere by now", { api: apiTo("us-east-1") }, "CloudApiNotFound"],
    ["one that was not probed", { api, probed: apiTo("us-east-1") }, "NotProbedYet"],
  ] as const)("says what it waits for: %s", async (_what, given, reason) => {
    await arrange({ ...given, ledgers }, (_clouds, deps) => {
      const [departure] = arrangeDepartures(leaving, binding, new Set(), deps);
      expect(departure?.obstacle?.reason).toBe(reason);
      const told = departure?.obstacle && explain(departure.obstacle, new Date(0));
      expect(told).not.toContain("change spec.cloudApis");
      expect(told?.match(/Retain/g)?.length ?? 0).toBeLessThan(2);
    });
  });

  it("goes through a CloudApi that is being deleted", async () => {
    const going = {
      ...api,
      metadata: { ...api.metadata, finalizers: ["x.test/held"], deletionTimestamp: "2026-03-01T12:00:00Z" },
    };
    await arrange({ api: going, ledgers, canDeprovision: true }, (_clouds, deps) => {
      const [departure] = arrangeDepartures(leaving, binding, new Set(), deps);
      expect(departure).toMatchObject({ obstacle: undefined });
    });
  });

  it("does not wait for a cloud that can take nobody out and is known to have nobody", async () => {
    const nobody = ledger("eu-west-1");
    const states = Uint8Array.of(PENDING, PENDING);
    nobody.spec.data = encodeStates(states);
    nobody.spec.counts = countStates(states);
    await arrange({ api, ledgers: [nobody] }, (_clouds, deps) => {
      expect(arrangeDepartures(leaving, binding, new Set(), deps)).toEqual([]);
    });
    await arrange({ api, ledgers: [nobody], canDeprovision: true }, (_clouds, deps) => {
      expect(arrangeDepartures(leaving, binding, new Set(), deps)).toHaveLength(1);
    });
  });
});

describe("requestOf", () => {
  it("keeps as much of a request as a ledger can, in whole characters", () => {
    expect(requestOf(batchOf({}, `${"a".repeat(255)}😀b`))).toBe(`${"a".repeat(255)}😀`);
    expect(requestOf(batchOf({}, "😀".repeat(300)))).toBe("😀".repeat(256));
    expect(requestOf(batchOf({}, ""))).toBeUndefined();
  });
});
