import { describe, expect, it } from "vitest";
import { objectSchema } from "./crd.ts";
import { definitions } from "./definitions.ts";
import type { SchemaNode } from "./structural.ts";
import { objectsIn, type Obj } from "./testing/api.ts";
import { YAML_FOLDER } from "./generate.ts";

/** Every node of the committed schemas with its path, but for metadata, which the API server describes. */
const nodes = (await objectsIn(YAML_FOLDER)).flatMap((crd) => {
  const { kind, schema } = schemaOf(crd);
  return [...walk(kind, schema)].filter(({ path }) => path !== `${kind}.metadata`);
});

describe("every node of every schema", () => {
  it("has a description that is a sentence", () => {
    expect(nodes.length).toBeGreaterThan(150);
    const bad = nodes.filter(({ node }) => !/^[A-Z\d].{8,}[.)]$/s.test(node.description ?? ""));
    expect(bad.map(({ path }) => path)).toEqual([]);
  });

  it("names each value of an enum in its description", () => {
    const silent = nodes.filter(({ node }) => {
      const values = (node["enum"] ?? []) as string[];
      return values.some((value) => !(node.description ?? "").includes(`${value}:`));
    });
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it("is bounded, so that no object and no rule can grow without end", () => {
    const unbounded = nodes.filter(({ node, path }) => {
      if (path.endsWith(".apiVersion") || path.endsWith(".kind")) return false;
      if (node.type === "string") return node["maxLength"] === undefined && node["enum"] === undefined;
      if (node.type === "array") return node["maxItems"] === undefined;
      return node.additionalProperties !== undefined && node["maxProperties"] === undefined;
    });
    expect(unbounded.map(({ path }) => path)).toEqual([]);
  });

  it("says how lists merge", () => {
    const lists = nodes.filter(({ node }) => node.type === "array");
    expect(lists.filter(({ node }) => node["x-kubernetes-list-type"] === undefined)).toEqual([]);
    const keyed = lists.filter(({ node }) => node["x-kubernetes-list-type"] === "map");
    const keys = keyed.map(({ path, node }) => [path, node["x-kubernetes-list-map-keys"]]);
    expect(Object.fromEntries(keys)).toMatchObject({
      "DeviceBatch.spec.cloudApis": ["name"],
      "DeviceBatch.status.clouds": ["name"],
      "DeviceBatch.status.conditions": ["type"],
    });
  });

  it("gives a message to every rule", () => {
    const rules = nodes.flatMap(({ path, node }) =>
      ((node["x-kubernetes-validations"] ?? []) as { message?: string }[]).map(({ message }) => ({
        path,
        message,
      })),
    );
    expect(rules.length).toBeGreaterThan(40);
    expect(rules.filter(({ message }) => (message ?? "").length < 20)).toEqual([]);
  });
});

describe("a definition", () => {
  it.each(definitions)("$kind describes itself and every column", ({ description, columns }) => {
    expect(description).toMatch(/^[A-Z].{20,}\.$/s);
    expect(columns.filter((column) => !column.description.endsWith("."))).toEqual([]);
  });

  it.each(definitions)("$kind has columns only of fields that are in its schema", (definition) => {
    const paths = new Set([...walk("", objectSchema(definition))].map(({ path }) => path));
    const fields = definition.columns
      .map(({ jsonPath }) => jsonPath.replace(/\[[^\]]*\]/, "[]"))
      .filter((path) => !path.startsWith(".metadata"));
    expect(fields.filter((path) => !paths.has(path))).toEqual([]);
  });

  it("has a status for what people declare and none for the operator's records", () => {
    const withStatus = definitions.filter(({ status }) => status !== undefined).map(({ kind }) => kind);
    expect(withStatus).toEqual(["Reel", "CloudApi", "DeviceBatch"]);
  });
});

function schemaOf(crd: Obj): { kind: string; schema: SchemaNode } {
  const spec = crd.spec as {
    names: { kind: string };
    versions: [{ schema: { openAPIV3Schema: SchemaNode } }];
  };
  return { kind: spec.names.kind, schema: spec.versions[0].schema.openAPIV3Schema };
}

function* walk(path: string, node: SchemaNode): Generator<{ path: string; node: SchemaNode }> {
  yield { path, node };
  for (const [name, child] of Object.entries(node.properties ?? {})) yield* walk(`${path}.${name}`, child);
  for (const child of [node.items, node.additionalProperties]) {
    if (child !== undefined) yield* walk(`${path}[]`, child);
  }
}
