import { describe, expect, it } from "vitest";

import { StandInProvider } from "./provider.ts";
import { typeOf } from "./registry.ts";
import { UNKNOWN, sameDocument } from "./values.ts";

const THING_TYPE = { type: "aws:iot/thingType:ThingType", name: "device" };

describe("the provider that stands in for AWS's", () => {
  const provider = new StandInProvider();

  it("refuses a type, a property, a function and a setting that it does not know, and names them", async () => {
    expect(() => typeOf("aws:s3/bucket:Bucket")).toThrow(/does not know aws:s3\/bucket:Bucket/);
    const { failures } = provider.check(THING_TYPE, {}, { name: "device", depreciated: true });
    expect(failures).toEqual([
      { property: "depreciated", reason: expect.stringContaining("has no such property") as string },
    ]);
    const inOregon = { region: "us-west-2" };
    await expect(provider.invoke("aws:ec2/getAmi:getAmi", inOregon)).rejects.toThrow(/does not know aws:ec2/);
    expect(() => provider.configure({ region: "us-west-2", assumeRole: "{}" })).toThrow(/assumeRole/);
  });

  it("refuses a property of a wrong type deep within, as soon as all is known", () => {
    const wrong = { name: "device", properties: { descripton: "a device" } };
    expect(provider.check(THING_TYPE, {}, wrong).failures).toMatchObject([{ property: "properties" }]);
    const early = { ...wrong, tags: UNKNOWN };
    expect(provider.check(THING_TYPE, {}, early).failures).toEqual([]);
  });

  it("makes up a name once, and keeps it", () => {
    const { inputs } = provider.check(THING_TYPE, {}, {});
    expect(inputs["name"]).toMatch(/^device-[0-9a-f]{7}$/);
    expect(provider.check(THING_TYPE, inputs, {}).inputs).toEqual(inputs);
  });

  it("tells what differs, what needs another resource, and counts what is not known yet as different", () => {
    const olds = { name: "a", tags: { of: "one" }, properties: { description: "d" } };
    expect(provider.diff(THING_TYPE, olds, { ...olds })).toMatchObject({ diffs: [], replaces: [] });
    const news = { ...olds, name: "b", tags: { of: UNKNOWN } };
    expect(provider.diff(THING_TYPE, olds, news)).toMatchObject({
      diffs: ["name", "tags"],
      replaces: ["name"],
    });
  });

  it("says in a preview what is not known yet, and calls nobody", async () => {
    const inputs = { name: "device" };
    expect(await provider.create(THING_TYPE, inputs, true)).toEqual({
      id: "",
      state: { name: "device", arn: UNKNOWN, tagsAll: UNKNOWN },
    });
  });
});

describe("a document that AWS gives back", () => {
  it("is ours if it says the same, however it is written", () => {
    expect(sameDocument('{"a":1,"b":[2]}', '{ "b": [2], "a": 1 }')).toBe('{"a":1,"b":[2]}');
    expect(sameDocument('{"a":1}', '{"a":2}')).toBe('{"a":2}');
    expect(sameDocument('{"a":1}', "no JSON")).toBe("no JSON");
    expect(sameDocument('{"a":1}', undefined)).toBeUndefined();
  });
});
