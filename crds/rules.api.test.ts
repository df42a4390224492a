import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlPlane, startControlPlane } from "../tools/control-plane/launcher.ts";
import { YAML_FOLDER } from "./generate.ts";
import { Api, type Answer, collectionOf, type Obj, objectsIn } from "./testing/api.ts";
import { batch, binding, ledger, reel, reelFrom } from "./testing/objects.ts";
import {
  ADMITTED,
  CLOUD_API_REFUSALS,
  DEVICE_BATCH_REFUSALS,
  IMMUTABLE,
  MUTABLE,
  RECORD_REFUSALS,
  REEL_REFUSALS,
} from "./testing/refusals.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

let plane: ControlPlane;
let api: Api;
const refusals: string[] = [];

beforeAll(async () => {
  plane = await startControlPlane();
  api = new Api(plane.kubeconfig);
  await api.install();
});
afterAll(async () => {
  await plane?.stop();
});

/** Runs `use` with the object in place, and takes it away again. */
async function withObject<T>(object: Obj, use: () => Promise<T>): Promise<T> {
  const created = await api.create(object);
  expect(created.message).toBe("");
  try {
    return await use();
  } finally {
    await api.delete(object);
  }
}

/** What the API server says of an invalid object; fails when it admits it, or refuses it for something else. */
async function refusal(asked: Promise<Answer>): Promise<string> {
  const { status, message } = await asked;
  if (status !== 422) throw new Error(`expected a refusal with 422, got ${status} ${message}`);
  refusals.push(message);
  return message;
}

describe("a Reel is refused", () => {
  it.each(REEL_REFUSALS)("with %s", async (_, object, message) => {
    expect(await refusal(api.create(object))).toContain(message);
  });

  it.each([
    ["format", undefined, "CloudIdCsv"],
    ["format", "CloudIdCsv", "EspressifCsv"],
    ["signers", PEM, null],
    ["signers", undefined, PEM],
  ])("with its %s changed, set or taken away once it is bound", async (field, before, after) => {
    const object = reelFrom({ file: { path: "a" }, ...(before === undefined ? {} : { [field]: before }) });
    await withObject(object, async () => {
      await api.merge(object, { status: { phase: "Bound" } }, "/status");
      const message = await refusal(api.merge(object, { spec: { manifest: { [field]: after } } }));
      expect(message).toContain(`spec.manifest.${field} cannot be changed once the reel is bound`);
      const moved = { manifest: { file: { path: "b" } } };
      expect((await api.merge(object, { spec: moved })).message).toBe("");
    });
  });
});

describe("a CloudApi is refused", () => {
  it.each(CLOUD_API_REFUSALS)("with %s", async (_, object, message) => {
    expect(await refusal(api.create(object))).toContain(message);
  });
});

describe("a DeviceBatch is refused", () => {
  it.each(DEVICE_BATCH_REFUSALS)("with %s", async (_, object, message) => {
    expect(await refusal(api.create(object))).toContain(message);
  });

  it("with its slot changed, set or taken away once the reel is bound", async () => {
    for (const [before, after] of [
      ["E0E0", "E0E1"],
      ["E0E0", null],
      [undefined, "E0E0"],
    ]) {
      const object = batch(before === undefined ? {} : { certificateSlot: before });
      await withObject(object, async () => {
        await api.merge(object, { status: { boundAt: "2026-11-03T10:00:00Z" } }, "/status");
        const message = await refusal(api.merge(object, { spec: { certificateSlot: after } }));
        expect(message).toContain("spec.certificateSlot: Invalid value");
        expect(message).toContain("put the earlier value back");
        expect((await api.merge(object, { spec: { suspend: true } })).message).toBe("");
      });
    }
  });
});

describe("a record is refused", () => {
  it.each(RECORD_REFUSALS)("with %s", async (_, object, message) => {
    expect(await refusal(api.create(object))).toContain(message);
  });
});

describe("what is unusual and right is admitted:", () => {
  it.each(ADMITTED)("%s", async (_, object) => {
    await withObject(object, async () => {
      expect((await api.get(object)).status).toBe(200);
    });
  });
});

describe("what cannot change:", () => {
  it.each(IMMUTABLE)("%s", async (_, object, spec, message) => {
    await withObject(object, async () => {
      expect(await refusal(api.merge(object, { spec }))).toContain(message);
    });
  });
});

describe("what may change:", () => {
  it.each(MUTABLE)("%s", async (_, object, spec) => {
    await withObject(object, async () => {
      expect((await api.merge(object, { spec })).message).toBe("");
    });
  });
});

describe("two accounts that bind one reel", () => {
  it("cannot both create its binding", async () => {
    const [one, two] = await Promise.all([
      api.create(binding({ account: "acme" })),
      api.create(binding({ account: "globex", batchId: "d001" })),
    ]);
    expect(new Set([one.status, two.status])).toEqual(new Set([201, 409]));
    await api.delete(binding());
  });
});

describe("a status", () => {
  it("is not written with the spec", async () => {
    await withObject({ ...reel(), status: { phase: "Bound" } }, async () => {
      // What stands there is what the API server says of an object that nobody has looked at.
      expect((await api.get(reel())).body["status"]).toEqual({ observedGeneration: -1 });
    });
  });

  it("is refused with a phase that nobody knows", async () => {
    await withObject(reel(), async () => {
      const answer = api.merge(reel(), { status: { phase: "Lost" } }, "/status");
      expect(await refusal(answer)).toContain("supported values");
    });
  });
});

describe("deleting a ReelBinding", () => {
  beforeAll(async () => {
    for (const object of await objectsIn(join(import.meta.dirname, "policies"))) {
      const { message } = await api.apply(object);
      if (message !== "") throw new Error(message);
    }
    // A policy is in force some time after it was written: it is when it refuses.
    await api.create(binding());
    const dryRun = `${collectionOf(binding())}/d001?dryRun=All`;
    await api.until(
      () => api.call("DELETE", dryRun),
      ({ status }) => status === 403,
    );
  });

  it("is refused while a batch uses the reel, with what to do", async () => {
    const { status, message } = await api.delete(binding());
    expect(status).toBe(403);
    expect(message).toContain(
      "ReelBinding d001 is in use by DeviceBatch line-1 of account acme: delete that batch first (kubectl delete batch line-1 -n acme), then this binding",
    );
    expect((await api.get(binding())).status).toBe(200);
  });

  it("is refused for all of them at once too", async () => {
    expect((await api.call("DELETE", collectionOf(binding()))).status).toBe(403);
    expect((await api.get(binding())).status).toBe(200);
  });

  it("is admitted when no batch uses the reel, and does not touch other kinds", async () => {
    expect((await api.merge(binding(), { spec: { batch: null } })).message).toBe("");
    expect((await api.delete(binding())).status).toBe(200);
    expect((await api.get(binding())).status).toBe(404);
    await withObject(ledger(), async () => {
      expect((await api.delete(ledger())).status).toBe(200);
    });
  });
});

describe("every rule", () => {
  it("has refused something above", async () => {
    const crds = await objectsIn(YAML_FOLDER);
    const messages = new Set(crds.flatMap((crd) => ruleMessages(crd.spec)));
    expect(messages.size).toBeGreaterThan(40);
    const silent = [...messages].filter((message) => !refusals.some((text) => text.includes(message)));
    expect(silent).toEqual([]);
  });
});

function ruleMessages(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  const own = "rule" in node && "message" in node ? [String(node.message)] : [];
  return [...own, ...Object.values(node).flatMap((child) => ruleMessages(child))];
}
