import { describe, expect, it } from "vitest";
import {
  API_VERSION,
  type DeviceBatch,
  type ProvisioningLedger,
  type ReelBinding,
} from "../../crds/index.ts";
import { createMemoryRegistry } from "../../interop/registries/memory.ts";
import { encodeStates } from "../../operator/provisioning/ledger/format.ts";
import {
  countStates,
  failed,
  PENDING,
  PROVISIONED,
  QUARANTINED,
} from "../../operator/provisioning/ledger/states.ts";
import { Received } from "../clouds/received.ts";
import type { Inventory } from "./inventory.ts";
import { judge, type Judged, type JudgedCloud } from "./judge.ts";
import type { Fate, MadeReel } from "./pool.ts";

const FATES: readonly Fate[] = ["expired", "good", "good", "twin"];
const RIGHT = [QUARANTINED, PROVISIONED, PROVISIONED, failed("SerialCollision")];

const reel: MadeReel = {
  batchId: "R0-0",
  csv: "",
  devices: FATES.map((fate, at) => ({ ref: `d${at}`, thumbprint: `${at}`, fate })),
};

/** A cloud that holds the devices at these positions. */
async function cloudWith(account: string, positions: readonly number[]): Promise<JudgedCloud> {
  const registry = createMemoryRegistry({ flavor: "aws" });
  const certificates = positions.map((at) => ({
    ref: `d${at}`,
    pem: "",
    serial: `A${at}`,
    thumbprint: `${at}`,
  }));
  await registry.provision(certificates, { signal: new AbortController().signal });
  const plan = {
    account,
    name: "cloud-0",
    flavor: "aws",
    able: true,
    region: "eu-test-1",
    limits: {},
    latencyMs: 0,
    refusesEvery: 0,
  } as const;
  return { plan, target: `AWS/${account}`, cloud: { registry, received: new Received() } };
}

interface Found {
  readonly states?: readonly number[];
  readonly inCloud?: readonly number[];
  readonly elsewhere?: readonly number[];
  readonly declared?: boolean;
  readonly told?: number;
}

/** What the judge says of one reel, bound by `alpha` into its one cloud; `beta` has a cloud, too. */
async function verdictOn(found: Found) {
  const { states, inCloud = [1, 2], elsewhere = [], declared = true, told = 2 } = found;
  const clouds = [await cloudWith("alpha", inCloud), await cloudWith("beta", elsewhere)];
  const ground: Judged = {
    reels: new Map([[reel.batchId, reel]]),
    clouds,
    cloudOf(account) {
      const cloud = clouds.find(({ plan }) => plan.account === account);
      if (cloud === undefined) throw new Error(`no cloud of ${account}`);
      return cloud;
    },
  };
  const ledgers = states === undefined ? [] : [ledgerWith(states)];
  const inventory: Inventory = {
    batches: [batch(declared, told)],
    apis: [],
    reels: [],
    bindings: [BINDING],
    ledgers,
  };
  return judge(inventory, ground);
}

const BINDING: ReelBinding = {
  apiVersion: API_VERSION,
  kind: "ReelBinding",
  metadata: { name: "r0-0" },
  spec: {
    account: "alpha",
    batchId: "R0-0",
    batch: "b",
    boundAt: "2026-01-01T00:00:00Z",
    evaluatedAt: "2026-01-01T00:00:00Z",
    manifestSha256: "a".repeat(64),
    devices: 3,
    records: 4,
  },
};

function batch(declared: boolean, provisioned: number): DeviceBatch {
  const line = { name: "cloud-0", state: "Failed", provisioned, failed: 1, pending: 0 } as const;
  return {
    apiVersion: API_VERSION,
    kind: "DeviceBatch",
    metadata: { namespace: "alpha", name: "b" },
    spec: {
      batchId: "R0-0",
      provisioning: "Manual",
      deletionPolicy: "Retain",
      cloudApis: declared ? [{ name: "cloud-0" }] : [],
    },
    status: declared
      ? { boundDevices: 3, provisionedDevices: provisioned, failedDevices: 1, clouds: [line] }
      : { boundDevices: 3, provisionedDevices: 0, failedDevices: 0 },
  };
}

function ledgerWith(given: readonly number[]): ProvisioningLedger {
  const states = Uint8Array.from(given);
  return {
    apiVersion: API_VERSION,
    kind: "ProvisioningLedger",
    metadata: { name: "r0-0.0123456789.0" },
    spec: {
      reel: "r0-0",
      account: "alpha",
      target: { key: "AWS/alpha", type: "AWS", cloudApi: "cloud-0" },
      manifestSha256: "a".repeat(64),
      chunk: { index: 0, first: 0, devices: states.length },
      format: "v1",
      data: encodeStates(states),
      counts: countStates(states),
    },
  };
}

describe("the judge of a run", () => {
  it("finds nothing where all is as it must be", async () => {
    const verdict = await verdictOn({ states: RIGHT });
    expect(verdict).toMatchObject({ violations: [], expected: 2, lost: 0, strays: 0 });
    expect((await verdictOn({ inCloud: [], declared: false })).violations).toEqual([]);
    // A cloud that was left with Retain: who was answered for is there, and others may be.
    const left = await verdictOn({ states: [QUARANTINED, PROVISIONED, PENDING, PENDING], declared: false });
    expect(left.violations).toEqual([]);
  });

  it.each<[string, Found, RegExp, object]>([
    [
      "a device is not there",
      { states: RIGHT, inCloud: [1] },
      /^1 devices .* provisioned by the ledger/,
      { lost: 1 },
    ],
    [
      "the ledger does not know of one",
      { states: [QUARANTINED, PROVISIONED, PENDING, RIGHT[3] ?? 0] },
      /not so by the ledger/,
      {},
    ],
    [
      "one that has expired is there",
      { states: RIGHT, inCloud: [0, 1, 2] },
      /should never have been let in/,
      {},
    ],
    [
      "one of two of a serial number is there",
      { states: RIGHT, inCloud: [1, 2, 3] },
      /should never have been let in/,
      {},
    ],
    [
      "one that was refused is pending",
      { states: [QUARANTINED, PROVISIONED, PROVISIONED, PENDING] },
      /refused, and not so/,
      {},
    ],
    ["somebody was forgotten", { inCloud: [2], declared: false }, /no ledger tells of it/, { strays: 1 }],
    [
      "another account's cloud has one",
      { states: RIGHT, elsewhere: [2] },
      /has not got the reel/,
      { strays: 1 },
    ],
    ["the status says something else", { states: RIGHT, told: 1 }, /^status of batch alpha\/b/, {}],
  ])("says so when %s", async (_what, found, told, counts) => {
    const verdict = await verdictOn(found);
    expect(verdict.violations).toContainEqual(expect.stringMatching(told));
    expect(verdict).toMatchObject(counts);
  });
});
