import { describe, expect, it } from "vitest";
import { z } from "zod";
import { structural } from "./structural.ts";

describe("structural", () => {
  it("lets people leave out what has a default", () => {
    const schema = z.object({ mode: z.enum(["On", "Off"]).default("On"), name: z.string() });
    expect(structural(schema, "spec")).toEqual({
      type: "object",
      required: ["name"],
      properties: { mode: { type: "string", enum: ["On", "Off"], default: "On" }, name: { type: "string" } },
    });
  });

  it("keeps what Kubernetes adds, and drops bounds that only say what a double can hold", () => {
    const list = z.array(z.int().min(1)).max(3).meta({ "x-kubernetes-list-type": "set" });
    expect(structural(list, "spec")).toEqual({
      type: "array",
      maxItems: 3,
      "x-kubernetes-list-type": "set",
      items: { type: "integer", minimum: 1 },
    });
  });

  it("writes patterns without JavaScript's escapes", () => {
    expect(structural(z.string().regex(/^a\/b$/), "spec")).toMatchObject({ pattern: "^a/b$" });
  });

  it("names the node that cannot be said in a structural schema", () => {
    const schema = z.object({ inner: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]) });
    expect(() => structural(schema, "Reel.spec")).toThrow("Reel.spec.inner: anyOf cannot stand");
  });
});
