import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { apiPath, compareResourceVersions, keyOf, ownerReferenceTo, parseKey } from "./objects.ts";

const NAME = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/);

describe("keys", () => {
  it("name one object, and are read back as they were made", () => {
    fc.assert(
      fc.property(NAME, fc.option(NAME, { nil: undefined }), (name, namespace) => {
        const key = namespace === undefined ? { name } : { namespace, name };
        expect(parseKey(keyOf({ metadata: key }))).toEqual(key);
      }),
    );
  });
});

describe("apiPath", () => {
  const reels = { group: "example.dev", version: "v1", plural: "reels", kind: "Reel", namespaced: false };
  const configMaps = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };

  it.each([
    [apiPath(configMaps), "/api/v1/configmaps"],
    [apiPath(configMaps, { namespace: "a" }), "/api/v1/namespaces/a/configmaps"],
    [apiPath(configMaps, { namespace: "a", name: "b" }), "/api/v1/namespaces/a/configmaps/b"],
    [apiPath(reels, { namespace: "ignored", name: "b" }, "status"), "/apis/example.dev/v1/reels/b/status"],
    [apiPath(reels, { name: "../../secrets" }), "/apis/example.dev/v1/reels/..%2F..%2Fsecrets"],
  ])("%s", (path, expected) => {
    expect(path).toBe(expected);
  });
});

describe("compareResourceVersions", () => {
  it("orders decimal numbers of any size", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 80n }), fc.bigInt({ min: 1n, max: 2n ** 80n }), (a, b) => {
        const order = compareResourceVersions(String(a), String(b)) ?? Number.NaN;
        expect(Math.sign(order)).toBe(a < b ? -1 : Number(a > b));
      }),
    );
  });

  it.each([
    [undefined, "1"],
    ["1", undefined],
    ["", "1"],
    ["0", "1"],
    ["01", "1"],
    ["abc", "1"],
  ])("does not compare %o with %o", (a, b) => {
    expect(compareResourceVersions(a, b)).toBeUndefined();
  });
});

it("an object without a uid is no owner", () => {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "b" } };
  expect(() => ownerReferenceTo(object)).toThrow("ConfigMap b/a has no uid yet");
  expect(
    ownerReferenceTo({ ...object, metadata: { ...object.metadata, uid: "u" } }, { controller: true }),
  ).toEqual({
    apiVersion: "v1",
    kind: "ConfigMap",
    name: "a",
    uid: "u",
    controller: true,
  });
});
