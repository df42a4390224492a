import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Field } from "./field/field.ts";

describe("the main job", () => {
  let field: Field;

  beforeAll(async () => {
    field = await Field.open();
    await field.operator();
    await field.account("acme");
  });

  afterAll(async () => {
    await field.close();
  });

  it("binds a reel, and its certificates arrive in the three kinds of cloud that are declared", async () => {
    const basic = { username: "certferry", password: "let me in" };
    const aws = await field.cloud("acme");
    const azure = await field.cloud("acme", { flavor: "azure" });
    const other = await field.cloud("acme", { basic });
    await field.awsApi("acme", "aws", aws);
    await field.azureApi("acme", "azure", azure);
    await field.otherApi("acme", "other", other, basic);
    const devices = await field.ship("D001", 5);
    await field.batch("acme", "first", {
      batchId: "D001",
      cloudApis: [{ name: "aws" }, { name: "azure" }, { name: "other" }],
    });

    const batch = await field.awaitReady("acme", "first");
    expect(batch.status).toMatchObject({ boundDevices: 5, provisionedDevices: 5, failedDevices: 0 });
    expect(
      batch.status?.clouds?.map(({ name, state, provisioned }) => `${name} ${state} ${provisioned}`),
    ).toEqual(["aws Provisioned 5", "azure Provisioned 5", "other Provisioned 5"]);
    const serials = devices.map(({ serial }) => serial.toLowerCase()).sort();
    for (const cloud of [aws, azure, other]) {
      expect(
        cloud.registry
          .list()
          .map(({ serial }) => serial.toLowerCase())
          .sort(),
      ).toEqual(serials);
      expect(cloud.received.of("provision").flatMap(({ members }) => members)).not.toContain("batch");
    }
  });
});
