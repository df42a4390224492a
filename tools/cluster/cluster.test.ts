import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { KubeClient } from "../../operator/runtime/client.ts";
import { startControlPlane } from "../control-plane/launcher.ts";
import type { ControlPlane } from "../control-plane/launcher.ts";
import { apply, applyYaml, kindOf, parseObjects, readObjects } from "./apply.ts";
import { connect } from "./connect.ts";
import { eventually } from "./eventually.ts";
import { installCrds } from "./install.ts";

describe("a cluster", () => {
  let plane: ControlPlane;
  let client: KubeClient;

  beforeAll(async () => {
    plane = await startControlPlane();
    client = connect(plane.kubeconfig);
  });

  afterAll(async () => {
    await client.close();
    await plane.stop();
  });

  it("serves Certferry's kinds after their installation, which may be repeated", async () => {
    await installCrds(client);
    await installCrds(client);
    const apiVersion = "certferry.dev/v1alpha1";
    const plurals = ["Reel", "CloudApi", "DeviceBatch", "ReelBinding", "ProvisioningLedger"].map(
      async (kind) => (await kindOf(client, { apiVersion, kind })).plural,
    );
    expect(await Promise.all(plurals)).toEqual([
      "reels",
      "cloudapis",
      "devicebatches",
      "reelbindings",
      "provisioningledgers",
    ]);
  });

  it("takes YAML of several documents, and changes again what it set before", async () => {
    const yaml = (value: string): string =>
      `apiVersion: v1\nkind: Namespace\nmetadata: {name: yard}\n---\n# nothing here\n---\n` +
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: list, namespace: yard}\ndata: {key: ${value}}\n`;
    await applyYaml(client, yaml("one"));
    const [, configMap] = await applyYaml(client, yaml("two"));
    expect(configMap).toMatchObject({ data: { key: "two" } });
  });

  it("waits for a kind that is about to be served", async () => {
    const definition = parseObjects(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: cranes.yard.example}
spec:
  group: yard.example
  scope: Namespaced
  names: {kind: Crane, plural: cranes}
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
`);
    const [, crane] = await apply(client, [
      ...definition,
      { apiVersion: "yard.example/v1", kind: "Crane", metadata: { name: "big" } },
    ]);
    expect(crane).toMatchObject({ kind: "Crane", metadata: { name: "big", namespace: "default" } });
  });

  it("says which object the server refused and why", async () => {
    const reel = {
      apiVersion: "certferry.dev/v1alpha1",
      kind: "Reel",
      metadata: { name: "d001" },
      spec: { batchId: "D002", manifest: { file: { path: "x.csv" } } },
    };
    await expect(apply(client, [reel])).rejects.toThrow(/d001/);
  });
});

describe("reading YAML", () => {
  it("names the file of what does not parse and of what is no object", async () => {
    expect(() => parseObjects("a: [", "x.yaml")).toThrow(/^x\.yaml: /);
    expect(() => parseObjects("kind: Secret\n", "x.yaml")).toThrow(
      "x.yaml: a document without apiVersion, kind or metadata.name",
    );
  });

  it("reads the samples", async () => {
    const objects = await readObjects(`${import.meta.dirname}/../../samples`);
    expect(objects.filter((object) => object.kind === "Reel").map((reel) => reel.metadata.name)).toHaveLength(
      10,
    );
  });
});

describe("eventually", () => {
  it("gives what the condition gives in the end", async () => {
    let tries = 0;
    const value = await eventually(
      () => {
        tries += 1;
        if (tries === 1) throw new Error("too early");
        return tries > 2 ? `try ${tries}` : undefined;
      },
      { interval: 1 },
    );
    expect(value).toBe("try 3");
  });

  it("says what was awaited and why it was not so", async () => {
    const never = async (): Promise<never> => {
      throw new Error("still closed");
    };
    await expect(eventually(never, { deadline: 30, interval: 5, what: "the gate is open" })).rejects.toThrow(
      "not within 0.03 s: the gate is open: still closed",
    );
  });

  it("does not wait for a condition that never answers", async () => {
    const stuck = async (): Promise<never> => await new Promise<never>(() => {});
    await expect(eventually(stuck, { deadline: 30, what: "an answer" })).rejects.toThrow(
      "not within 0.03 s: an answer: no answer until the deadline",
    );
  });
});
