import { describe, expect, it } from "vitest";

import type { ProvisioningLedger } from "../../../crds/index.ts";
import { noCounts } from "../../provisioning/ledger/states.ts";
import { DepartureNews } from "./departed.ts";
import type { Departure } from "./departures.ts";

const HUB = "Azure/1/hub.example";
const REGISTRY = "Other/registry.example";

function leaving(name: string, target: string, provisioned: number, removed = 0): Departure {
  const counts = { ...noCounts(), provisioned, removed };
  return { name, target, key: "", ledgers: [], counts, obstacle: undefined, progress: undefined };
}

const ledger = (key: string): ProvisioningLedger => ({ spec: { target: { key } } }) as ProvisioningLedger;

describe("what people are told when devices have left a cloud", () => {
  it("is how many, once for each cloud, when its ledger is gone", () => {
    const news = new DepartureNews();
    const both = [leaving("hub", HUB, 2), leaving("registry", REGISTRY, 5)];
    expect(news.of("acme/b", both, [ledger(HUB), ledger(REGISTRY)])).toEqual([]);
    expect(news.of("acme/b", [leaving("registry", REGISTRY, 1, 4)], [ledger(REGISTRY)])).toEqual([
      { type: "Normal", reason: "Deprovisioned", action: "Deprovision", message: "2 devices are out of hub" },
    ]);
    expect(news.of("acme/b", [], []).map(({ message }) => message)).toEqual([
      "5 devices are out of registry",
    ]);
    expect(news.of("acme/b", [], [])).toEqual([]);
  });

  it("is nothing where they stay after all", () => {
    const news = new DepartureNews();
    news.of("acme/b", [leaving("hub", HUB, 2)], [ledger(HUB)]);
    expect(news.of("acme/b", [], [ledger(HUB)])).toEqual([]);
    expect(news.of("acme/b", [], [])).toEqual([]);
  });

  it("is nothing where nobody was known to be in, nor of a batch that is forgotten", () => {
    const news = new DepartureNews();
    news.of("acme/b", [leaving("hub", HUB, 0)], [ledger(HUB)]);
    expect(news.of("acme/b", [], [])).toEqual([]);
    news.of("acme/b", [leaving("hub", HUB, 2)], [ledger(HUB)]);
    news.forget("acme/b");
    expect(news.of("acme/b", [], [])).toEqual([]);
  });
});
