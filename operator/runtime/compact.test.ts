import { expect, it } from "vitest";
import { compacting } from "./compact.ts";
import type { KubeObject } from "./objects.ts";

interface Thing extends KubeObject {
  spec: { message: string; list: (string | number | null | { text: string })[] };
}

const thing = (name: string): Thing =>
  JSON.parse(
    JSON.stringify({
      apiVersion: "v1",
      kind: "Thing",
      metadata: {
        name,
        uid: `uid of ${name}`,
        resourceVersion: "7",
        managedFields: [{ manager: "somebody" }],
      },
      spec: { message: "a message that all of them have", list: ["a", 1, null, { text: name }] },
    }),
  ) as Thing;

it("keeps an object as it is, but for who wrote what", () => {
  const compact = compacting();
  for (const name of ["one", "two", "one"]) {
    const { managedFields: _, ...metadata } = thing(name).metadata as Thing["metadata"] & {
      managedFields: unknown;
    };
    expect(compact(thing(name))).toEqual({ ...thing(name), metadata });
  }
});

it("keeps objects apart, however many there are and however much they have alike", () => {
  const compact = compacting();
  const names = Array.from({ length: 10_000 }, (_, at) => `thing-${at % 7_000}`);
  for (const name of names) {
    const { metadata, spec } = compact(thing(name));
    expect([metadata.name, metadata.uid, spec.list[3]]).toEqual([name, `uid of ${name}`, { text: name }]);
  }
});
