import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CloudProgress } from "../crds/index.ts";
import { Field, OPERATOR_NAMESPACE } from "./field/field.ts";
import { Site } from "./field/site.ts";

describe("a reel whose source has gone since it was bound", () => {
  let field: Field;
  let acme: Site;
  const archive = (): string => join(field.manifests, "archive");
  /** An operator that starts with an empty cache, as on another machine. */
  const operator = (archived: boolean) =>
    field.operator({ extraArgs: archived ? ["--manifest-archive", archive()] : [] });

  beforeAll(async () => {
    field = await Field.open();
  });

  afterAll(async () => {
    await field.close();
  });

  it("goes into a second cloud from the archive, and without one it says what is missing", async () => {
    const first = await operator(true);
    acme = await Site.open(field, "acme");
    const [one, two] = [await acme.aws("one"), await acme.aws("two")];
    const devices = await field.ship("D001", 5);
    await acme.bind("D001", ["one"]);
    await acme.ready("D001");
    expect(one.registry.list()).toHaveLength(devices.length);
    await expect.poll(() => readdir(archive())).toHaveLength(1);
    await first.stop();
    await field.configMaps.delete({ namespace: OPERATOR_NAMESPACE, name: "manifest-d001" });

    const without = await operator(false);
    await acme.edit("D001", { cloudApis: [{ name: "one" }, { name: "two" }] });
    const said =
      (words: string) =>
      ({ message }: CloudProgress) =>
        message?.includes(words) === true;
    const line = await acme.line("D001", "two", said("--manifest-archive"));
    expect(line.message).toContain("manifest-d001");
    expect(two.registry.list()).toEqual([]);
    await without.stop();

    const again = await operator(true);
    await acme.ready("D001");
    expect(devices.map(({ serial }) => two.registry.pushes(serial))).toEqual([1, 1, 1, 1, 1]);
    expect(devices.map(({ serial }) => one.registry.pushes(serial))).toEqual([1, 1, 1, 1, 1]);
    await again.stop();

    // What the archive lacks is said, with the place.
    await rm(archive(), { recursive: true });
    const three = await acme.aws("three");
    await operator(true);
    await acme.edit("D001", { cloudApis: [{ name: "one" }, { name: "two" }, { name: "three" }] });
    await acme.line("D001", "three", said("does not have it either"));
    expect(three.registry.list()).toEqual([]);
  });
});
