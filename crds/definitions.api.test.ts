import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlPlane, startControlPlane } from "../tools/control-plane/launcher.ts";
import { API_VERSION, FINALIZER, kinds } from "./kinds.ts";
import { definitions } from "./definitions.ts";
import { CLOUD_API_NAME_MAX } from "./schema/fields.ts";
import { type Answer, Api, collectionOf, conditionOf, type Obj, objectsIn } from "./testing/api.ts";
import { aws, batch, binding, ledger, other, reel } from "./testing/objects.ts";

const samples = await objectsIn(join(import.meta.dirname, "../samples"));

let plane: ControlPlane;
let api: Api;
let installed: readonly Answer[];

beforeAll(async () => {
  plane = await startControlPlane();
  api = new Api(plane.kubeconfig);
  installed = await api.install();
});
afterAll(async () => {
  await plane?.stop();
});

describe("the definitions", () => {
  it("are taken as they are, without a warning about the schema", async () => {
    expect(installed.map(({ message }) => message)).toEqual(["", "", "", "", ""]);
    for (const { body } of installed) {
      const { body: crd } = await api.get(body as unknown as Obj);
      expect(conditionOf(crd, "Established")).toBe("True");
      expect(conditionOf(crd, "NonStructuralSchema")).toBeUndefined();
    }
  });

  it("are found by the names that people type", async () => {
    const { body } = await api.call("GET", `/apis/${API_VERSION}`);
    const resources = body["resources"] as Record<string, unknown>[];
    const found = Object.fromEntries(resources.map((resource) => [resource["name"], resource]));
    for (const { plural, kind, namespaced } of Object.values(kinds)) {
      expect(found[plural]).toMatchObject({ kind, namespaced, categories: ["certferry"] });
    }
    const shortNames = Object.values(kinds).map(({ plural }) => found[plural]?.["shortNames"]);
    expect(shortNames).toEqual([["reel"], ["capi"], ["batch"], ["binding", "deed"], ["ledger"]]);
    const withStatus = Object.keys(found).filter((name) => name.endsWith("/status"));
    expect(withStatus.sort()).toEqual(["cloudapis/status", "devicebatches/status", "reels/status"]);
  });

  it("describe their fields where kubectl explain reads them", async () => {
    const path = `/openapi/v3/apis/${API_VERSION}`;
    const answer = await api.until(
      () => api.call("GET", path),
      ({ body }) => JSON.stringify(body).includes("DeviceBatch"),
    );
    const schemas = (answer.body["components"] as { schemas: Record<string, SchemaLike> }).schemas;
    const schema = schemas["dev.certferry.v1alpha1.DeviceBatch"];
    expect(schema?.properties?.["spec"]?.properties?.["deletionPolicy"]?.description).toContain(
      "Deprovision: they are taken out",
    );
    expect(schema?.description).toContain("Binds a reel to this account");
  });
});

describe("the samples", () => {
  it("are admitted, all of them, in the order of their files", async () => {
    expect(samples.length).toBeGreaterThan(25);
    for (const object of samples) {
      expect({ object: nameOf(object), message: (await api.apply(object)).message }).toEqual({
        object: nameOf(object),
        message: "",
      });
    }
  });

  it("come out of the API server as zod reads them, defaults included", async () => {
    const own = samples.flatMap((object) => {
      const definition = definitions.find(({ kind }) => kind === object.kind);
      return definition === undefined ? [] : [{ object, definition }];
    });
    expect(own.length).toBeGreaterThan(20);
    for (const { object, definition } of own) {
      const { body } = await api.get(object);
      expect(body["spec"]).toEqual(definition.spec.parse(object.spec));
    }
  });

  it("hold no field that the API server does not know", async () => {
    for (const object of samples) {
      const path = `${collectionOf(object)}/${object.metadata.name}?fieldManager=test&force=true&dryRun=All&fieldValidation=Strict`;
      const answer = await api.call("PATCH", path, object, {
        "content-type": "application/apply-patch+yaml",
      });
      expect({ object: nameOf(object), message: answer.message }).toMatchObject({ message: "" });
    }
  });

  it("are deleted again", async () => {
    for (const object of samples.toReversed()) expect((await api.delete(object)).status).toBe(200);
  });
});

describe("defaults", () => {
  it("are filled in by the API server", async () => {
    const { body } = await api.create(batch({}, "defaults"));
    expect(body["spec"]).toEqual({ batchId: "D001", provisioning: "Automatic", deletionPolicy: "Retain" });
  });

  it("do not replace what is written", async () => {
    const spec = { batchId: "D001", provisioning: "Manual", deletionPolicy: "Deprovision" };
    expect((await api.create(batch(spec, "written"))).body["spec"]).toEqual(spec);
  });
});

describe("the clouds of a batch", () => {
  it("merge by name, so that two people may each apply their own", async () => {
    const path = `${collectionOf(batch())}/shared`;
    const apply = async (manager: string, name: string): Promise<Answer> =>
      await api.call("PATCH", `${path}?fieldManager=${manager}`, batch({ cloudApis: [{ name }] }, "shared"), {
        "content-type": "application/apply-patch+yaml",
      });
    await apply("one", "aws-eu");
    const { body } = await apply("two", "azure-hub");
    expect(body["spec"]).toMatchObject({ cloudApis: [{ name: "aws-eu" }, { name: "azure-hub" }] });
  });
});

describe("kubectl get", () => {
  it("shows how far a batch is", async () => {
    const object = batch({ cloudApis: [{ name: "aws-eu" }, { name: "azure-hub" }] }, "table");
    await api.create(object);
    const status = {
      boundDevices: 10,
      provisionedDevices: 7,
      failedDevices: 1,
      boundAt: "2026-11-03T10:00:00Z",
      cloudNames: "aws-eu, azure-hub",
      conditions: [condition("Ready", "False", "Provisioning", "7 of 10 devices are in every cloud")],
    };
    expect((await api.merge(object, { status }, "/status")).message).toBe("");
    const { columns, cells } = await table(object);
    expect(columns).toEqual([
      "Name",
      "Batch",
      "Bound",
      "Provisioned",
      "Failed",
      "Clouds",
      "Ready",
      "Status",
      "Age",
    ]);
    expect(cells.slice(0, 8)).toEqual([
      "table",
      "D001",
      10,
      7,
      1,
      "aws-eu, azure-hub",
      "False",
      "Provisioning",
    ]);
    const wide = await table(object, true);
    expect(wide.columns.slice(9)).toEqual(["Bound At", "Provisioned At", "Message"]);
    expect(wide.cells.slice(9)).toEqual(["2026-11-03T10:00:00Z", null, "7 of 10 devices are in every cloud"]);
  });

  it("shows a reel's devices and how many entries were refused", async () => {
    await api.create(reel());
    const status = {
      phase: "Available",
      devices: 2,
      quarantined: {
        count: 1,
        first: [{ row: 4, device: "0A", reason: "Expired", message: "expired in 2020" }],
      },
      conditions: [condition("Ready", "True", "Available", "the manifest was read")],
    };
    expect((await api.merge(reel(), { status }, "/status")).message).toBe("");
    const { columns, cells } = await table(reel());
    expect(columns).toEqual(["Name", "Batch", "Phase", "Devices", "Quarantined", "Ready", "Status", "Age"]);
    expect(cells.slice(0, 7)).toEqual(["d001", "D001", "Available", 2, 1, "True", "Available"]);
  });

  it("shows where a cloud is, whose a reel is, and how full a ledger is", async () => {
    for (const object of [aws({}, { default: true, displayName: "AWS Europe" }), binding(), ledger()]) {
      expect((await api.create(object)).message).toBe("");
    }
    expect((await table(aws())).cells.slice(0, 4)).toEqual(["aws-eu", "AWS Europe", "AWS", true]);
    expect((await table(binding())).cells.slice(0, 5)).toEqual(["d001", "D001", "acme", "line-1", 2]);
    const row = (await table(ledger())).cells;
    expect(row.slice(1, 7)).toEqual(["d001", "AWS/123456789012/eu-west-1", 0, 2, 0, 0]);
  });
});

describe("the largest objects that the schemas allow", () => {
  const longUrl = `https://${"h".repeat(60)}.example.com/${"p".repeat(1900)}`;
  const pem = `-----BEGIN CERTIFICATE-----\n${"A".repeat(131_000)}`;
  const longName = "n".repeat(CLOUD_API_NAME_MAX);

  it.each<[string, Obj]>([
    [
      "reel",
      reel(
        {
          batchId: "D".repeat(63),
          manifest: { http: { url: longUrl, caBundle: pem, secretRef: { name: "s".repeat(253) } } },
        },
        "d".repeat(63),
      ),
    ],
    [
      "reel with a long path",
      reel({ batchId: "PATH", manifest: { file: { path: `${"a/".repeat(511)}b` } } }, "path"),
    ],
    ["cloud", { ...other({ url: longUrl }), metadata: { name: longName } }],
    [
      "batch",
      batch(
        { cloudApis: Array.from({ length: 16 }, (_, index) => ({ name: `${index}-${"c".repeat(60)}` })) },
        "b".repeat(253),
      ),
    ],
    ["ledger", { ...ledger({ data: `${"A".repeat(43_688)}AAA=` }), metadata: { name: "full" } }],
  ])("are within the budget of the rules, when written and when changed: %s", async (_, object) => {
    expect((await api.create(object)).message).toBe("");
    expect((await api.merge(object, { metadata: { finalizers: [FINALIZER] } })).message).toBe("");
    expect((await api.merge(object, { metadata: { finalizers: null } })).message).toBe("");
  });

  it("are within it with a full status", async () => {
    const object = batch({}, "full-status");
    await api.create(object);
    const clouds = Array.from({ length: 64 }, (_, index) => ({
      name: `c${index}`,
      state: "Blocked",
      devicesPerSecond: 12.5,
      message: "m".repeat(1024),
    }));
    const failures = Array.from({ length: 10 }, (_, index) => ({
      device: `${index}`,
      cloud: "c0",
      reason: "SerialCollision",
      message: "m".repeat(512),
    }));
    const conditions = ["Bound", "Provisioned", "Ready", "Reconciling", "Stalled"].map((type) =>
      condition(type, "True", "Because", "m".repeat(32_768)),
    );
    const status = { clouds, failures, conditions, boundAt: "2026-11-03T10:00:00Z" };
    expect((await api.merge(object, { status }, "/status")).message).toBe("");
  });
});

interface SchemaLike {
  description?: string;
  properties?: Record<string, SchemaLike>;
}

function condition(type: string, status: string, reason: string, message: string): Record<string, unknown> {
  return { type, status, reason, message, observedGeneration: 1, lastTransitionTime: "2026-11-03T10:00:00Z" };
}

function nameOf(object: Obj): string {
  return `${object.kind} ${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

/** What kubectl shows of one object. */
async function table(object: Obj, wide = false): Promise<{ columns: string[]; cells: unknown[] }> {
  const path = `${collectionOf(object)}/${object.metadata.name}`;
  const accept = "application/json;as=Table;g=meta.k8s.io;v=v1";
  const { body } = await api.call("GET", path, undefined, { accept });
  const all = body["columnDefinitions"] as { name: string; priority: number }[];
  const rows = body["rows"] as { cells: unknown[] }[];
  const shown = all.map(({ priority }) => wide || priority === 0);
  return {
    columns: all.filter((_, index) => shown[index]).map(({ name }) => name),
    cells: (rows[0]?.cells ?? []).filter((_, index) => shown[index]),
  };
}
