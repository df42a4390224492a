import { expect, it } from "vitest";
import type { Secret } from "../../accounts/core-kinds.ts";
import { ManualClock } from "../../runtime/clock.ts";
import { monotonic } from "../../runtime/clock.ts";
import { KeptSecrets } from "./kept-secrets.ts";

const KEY = { namespace: "acme", name: "login" };

function secret(password: string): Secret {
  return { apiVersion: "v1", kind: "Secret", metadata: KEY, data: { password } };
}

it("a Secret is read again after ten minutes, when it is to be forgotten, and as long as it does not exist", async () => {
  const clock = new ManualClock();
  let there: Secret | undefined;
  const kept = new KeptSecrets({ find: () => Promise.resolve(there) }, clock);
  const password = async (): Promise<string | undefined> => (await kept.find(KEY))?.data?.["password"];
  expect(await password()).toBeUndefined();
  there = secret("one");
  expect(await password()).toBe("one");
  there = secret("two");
  await clock.advance(9 * 60_000);
  expect(await password()).toBe("one");
  await clock.advance(2 * 60_000);
  expect(await password()).toBe("two");
  there = secret("three");
  expect(kept.forget(KEY)).toBe(true);
  expect(kept.forget(KEY)).toBe(false);
  expect(await password()).toBe("three");
  there = undefined;
  kept.forget(KEY);
  expect(await password()).toBeUndefined();
});

it("what was read since a time has not changed since", async () => {
  const clock = new ManualClock();
  const kept = new KeptSecrets({ find: () => Promise.resolve(secret("one")) }, clock);
  const before = monotonic(clock);
  await kept.find(KEY);
  expect(kept.forget(KEY, before)).toBe(false);
  await kept.find(KEY);
  await clock.advance(1_000);
  expect(kept.forget(KEY, monotonic(clock))).toBe(true);
});

it("a slow reading does not take the place of one that was begun later", async () => {
  const clock = new ManualClock();
  const slow = Promise.withResolvers<Secret>();
  const readings: Promise<Secret>[] = [slow.promise, Promise.resolve(secret("new"))];
  const kept = new KeptSecrets({ find: () => readings.shift() ?? Promise.resolve(undefined) }, clock);
  const first = kept.find(KEY);
  await clock.advance(1_000);
  await kept.find(KEY);
  slow.resolve(secret("old"));
  await first;
  expect((await kept.find(KEY))?.data?.["password"]).toBe("new");
});
