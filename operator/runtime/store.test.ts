import fc from "fast-check";
import { expect, it } from "vitest";
import type { KubeObject } from "./objects.ts";
import { Store } from "./store.ts";

interface Tagged extends KubeObject {
  tags: string[];
}

const step = fc.record({
  name: fc.constantFrom("a", "b", "c", "d"),
  tags: fc.option(fc.array(fc.constantFrom("x", "y", "z"), { maxLength: 4 }), { nil: undefined }),
});

it("finds by an index what has the value now, and nothing else", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const store = new Store<Tagged>({ tag: ({ tags }) => tags });
      const held = new Map<string, string[]>();
      for (const { name, tags } of steps) {
        if (tags === undefined) {
          store.delete(name);
          held.delete(name);
        } else {
          store.set({ apiVersion: "v1", kind: "Tagged", metadata: { name }, tags });
          held.set(name, tags);
        }
        for (const value of ["x", "y", "z"]) {
          const found = store.byIndex("tag", value).map(({ metadata }) => metadata.name);
          const expected = [...held].filter(([, tags]) => tags.includes(value)).map(([name]) => name);
          expect(found.sort()).toEqual(expected.sort());
        }
      }
      expect(store.size).toBe(held.size);
    }),
  );
});
