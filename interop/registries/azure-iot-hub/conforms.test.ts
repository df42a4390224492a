import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { check, startCallee } from "../../../tools/interop-check/testing/callee.ts";
import { tokenBucket } from "./testing/faults.ts";
import { HUB_HOST, type HubServer, startHubServer } from "./testing/hub-server.ts";
import { registryOn, selfSigned } from "./testing/scene.ts";

let hub: HubServer;
beforeAll(async () => {
  hub = await startHubServer();
});
afterAll(() => hub.close());
afterEach(() => hub.reset());

/** The callee on this registry, held against all that `npm run interop:check` holds any callee against. */
it.each([
  ["as in the field", { names: "<serial>" }],
  ["with twins", { twins: true }],
  ["with names of their own", { names: "<batch>-<fingerprint>", twins: true }],
])("a callee on an IoT Hub conforms: %s", async (_what, options) => {
  hub.devices.put("somebody-else", selfSigned("A".repeat(64)));
  const registry = registryOn(hub, options);
  hub.throttle.identity = tokenBucket({ perSecond: 100 / 60, burst: 20, clock: registry.clock });
  await using callee = await startCallee({ flavor: "azure", endpoint: HUB_HOST, change: () => registry });
  const outcome = await check(callee);
  expect(outcome.results.filter(({ verdict }) => verdict === "fail")).toEqual([]);
  expect(outcome.conforms).toBe(true);
  expect(hub.devices.all().map(({ identity }) => identity.deviceId)).toEqual(["somebody-else"]);
});
