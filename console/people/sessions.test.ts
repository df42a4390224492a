import { KubeConfig } from "@kubernetes/client-node";
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../operator/runtime/clock.ts";
import { silentLogger } from "../../operator/runtime/logger.ts";
import type { Person } from "./person.ts";
import { Sessions } from "./sessions.ts";

/** Nobody listens there: a session asks for nothing by itself. */
const CLUSTER = { name: "none", server: "https://127.0.0.1:1", skipTLSVerify: true };
const OF_ONE = 100;

describe("sessions", () => {
  let sessions: Sessions | undefined;

  afterEach(() => sessions?.stop());

  function start(): Sessions {
    const config = new KubeConfig();
    config.loadFromClusterAndUser(CLUSTER, { name: "console", token: "its own" });
    sessions = new Sessions({ config, clock: new ManualClock(), log: silentLogger });
    return sessions;
  }

  it("are limited for each person: the one that was not used for longest goes, and nobody else's", () => {
    const all = start();
    const ada = all.open(impersonated("ada"));
    const byToken = all.open({ name: "finn", credentials: { kind: "token", token: "theirs" } });
    const finns = Array.from({ length: OF_ONE }, () => all.open(impersonated("finn")));
    const [first, second] = finns;
    expect(all.find(first)).toBeDefined();
    const more = all.open(impersonated("finn"));
    expect(finns.filter((name) => all.find(name) === undefined)).toEqual([second]);
    expect([ada, byToken, more].map((name) => all.find(name)?.person.name)).toEqual(["ada", "finn", "finn"]);
  });

  it("end with what goes on in them", () => {
    const all = start();
    const names = Array.from({ length: OF_ONE + 1 }, (_, n) => ({ n, name: all.open(impersonated("finn")) }));
    const last = all.find(names.at(-1)?.name);
    expect(last?.ended.aborted).toBe(false);
    for (let n = 0; n < OF_ONE; n += 1) all.open(impersonated("finn"));
    expect(last?.ended.aborted).toBe(true);
  });
});

function impersonated(name: string): Person {
  return { name, credentials: { kind: "impersonated", user: name, groups: [] } };
}
