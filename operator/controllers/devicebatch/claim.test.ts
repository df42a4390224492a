import { expect, it } from "vitest";
import { kinds, type ReelBinding } from "../../../crds/index.ts";
import { systemClock } from "../../runtime/clock.ts";
import { ApiError } from "../../runtime/api-error.ts";
import type { Inspection } from "../reel/inspector.ts";
import { ControllerRig, SHA, until } from "../testing/controllers.ts";
import { MemoryKind } from "../testing/memory-api.ts";
import { claim, type Claim } from "./claim.ts";

it("a reel is taken up from a batch that was made anew for another reel", async () => {
  using rig = await ControllerRig.start();
  const { cluster } = rig;
  const inspector = { inspection: () => ({ state: "running" }) as const };
  await cluster.reels.client.create({
    apiVersion: "certferry.dev/v1alpha1",
    kind: "Reel",
    metadata: { name: "d1" },
    spec: { batchId: "D1", manifest: { file: { path: "d1" } } },
  });
  await rig.binding("d1", { batchId: "D1", batch: "first" });
  await rig.batch("acme", "first", "D2");
  const next = await rig.batch("acme", "next", "D1");
  await until(
    () => cluster.bindings.cache.get("d1") !== undefined && cluster.batches.cache.list().length === 2,
  );
  await until(() => cluster.reels.cache.get("d1") !== undefined);
  const { signal } = rig.context;
  const claimed = await claim(next, { cluster, inspector, clock: systemClock }, signal);
  expect(claimed).toMatchObject({ how: "takenUp", binding: { spec: { batch: "next" } } });
});

/** Bindings that are there when they should be made, and gone when they are looked at. */
class RestlessBindings extends MemoryKind<ReelBinding> {
  override create(): Promise<ReelBinding> {
    return Promise.reject(new ApiError("it is there", { status: 409, reason: "AlreadyExists" }));
  }
}

/** Bindings that are neither made nor changed, with these words. */
class RefusedBindings extends MemoryKind<ReelBinding> {
  words = "";
  status = 403;

  override create(): Promise<ReelBinding> {
    return Promise.reject(new ApiError(this.words, { status: this.status, reason: "Forbidden" }));
  }

  override update(): Promise<ReelBinding> {
    return this.create();
  }
}

/** Claims a reel that was read, with these issuers, where bindings are kept as is told. */
async function claimed(
  rig: ControllerRig,
  client: MemoryKind<ReelBinding>,
  issuers: string[] = [],
): Promise<Claim> {
  const { reels, bindings } = rig.cluster;
  await reels.client.create({
    apiVersion: "certferry.dev/v1alpha1",
    kind: "Reel",
    metadata: { name: "d1" },
    spec: { batchId: "D1", manifest: { file: { path: "d1" } } },
  });
  const batch = await rig.batch("acme", "first", "D1");
  await until(() => reels.cache.get("d1") !== undefined);
  const ready: Inspection = {
    state: "ready",
    evaluatedAt: new Date(),
    summary: {
      sha256: SHA,
      records: 1,
      devices: 1,
      refused: 0,
      firstRefused: [],
      issuers,
      keyTypes: ["P-256"],
      format: "CloudIdCsv",
      collidingSerials: new Set(),
    },
  };
  const deps = {
    cluster: { ...rig.cluster, bindings: { cache: bindings.cache, client } },
    inspector: { inspection: () => ready },
    clock: systemClock,
  };
  return await claim(batch, deps, rig.context.signal);
}

it("a reel whose binding comes and goes is not called contested", async () => {
  using rig = await ControllerRig.start();
  const client = new RestlessBindings(kinds.ReelBinding, rig.api);
  expect(await claimed(rig, client)).toMatchObject({ do: "progress", reason: "BindingChanging" });
});

it.each([
  [
    403,
    "reelbindings.certferry.dev \"d1\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not this issuer",
    "not this issuer",
  ],
  // A webhook that gives no code of its own is answered for with 400.
  [400, 'admission webhook "rules.example.com" denied the request: ask first', "ask first"],
  [409, 'admission webhook "rules.example.com" denied the request: one a day', "one a day"],
  [
    400,
    'admission webhook "rules.example.com" denied the request without explanation',
    'admission webhook "rules.example.com" denied the request without explanation',
  ],
])(
  "a binding that a rule of the cluster does not admit is waited for, in the rule's words: %d %s",
  async (status, words, told) => {
    using rig = await ControllerRig.start();
    const client = new RefusedBindings(kinds.ReelBinding, rig.api);
    Object.assign(client, { words, status });
    const { reason, message } = (await claimed(rig, client)) as { reason: string; message: string };
    expect(reason).toBe("NotAllowed");
    expect(message).toContain(`does not admit the binding: ${told}. It is asked again`);
  },
);

it("words that are too long are cut between characters, not within one", async () => {
  using rig = await ControllerRig.start();
  const client = new RefusedBindings(kinds.ReelBinding, rig.api);
  client.words = `admission webhook "w" denied the request: x${"\u{1F6A2}".repeat(2_000)}`;
  const { message } = (await claimed(rig, client)) as { message: string };
  expect(message.isWellFormed()).toBe(true);
  expect(message.match(/\u{1F6A2}/gu)).toHaveLength(1_023);
});

it("a reel that a rule does not let be taken up is waited for, in the rule's words", async () => {
  using rig = await ControllerRig.start();
  await rig.binding("d1", { batchId: "D1" });
  await until(() => rig.cluster.bindings.cache.get("d1") !== undefined);
  const client = new RefusedBindings(kinds.ReelBinding, rig.api);
  client.words = 'admission webhook "rules.example.com" denied the request: not on Fridays';
  expect(await claimed(rig, client)).toMatchObject({
    do: "wait",
    reason: "NotAllowed",
    message: expect.stringContaining("not on Fridays") as string,
  });
});

it("rights that the operator itself lacks are no rule about the reel", async () => {
  using rig = await ControllerRig.start();
  const client = new RefusedBindings(kinds.ReelBinding, rig.api);
  client.words = 'reelbindings.certferry.dev is forbidden: User "operator" cannot create resource';
  await expect(claimed(rig, client)).rejects.toThrow("cannot create resource");
});

it.each([
  [16, 16],
  [17, undefined],
])(
  "of %d issuers, a binding names all or none, so that no rule takes a part for the whole",
  async (count, listed) => {
    using rig = await ControllerRig.start();
    const client = new MemoryKind<ReelBinding>(kinds.ReelBinding, rig.api);
    const issuers = Array.from({ length: count }, (_, n) => `CN=CA ${n}`);
    const { binding } = (await claimed(rig, client, issuers)) as { binding: ReelBinding };
    expect(binding.spec.issuers?.length).toBe(listed);
    expect(binding.spec.keyTypes).toEqual(["P-256"]);
  },
);
