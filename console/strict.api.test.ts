import { afterAll, beforeAll, expect, it } from "vitest";
import { kinds } from "../crds/kinds.ts";
import { eventually } from "../test/harness/index.ts";
import { Site } from "./testing/site.ts";

const DEFINITION = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${kinds.CloudApi.plural}.${kinds.CloudApi.group}`;
const form = {
  name: "aws-eu",
  displayName: "AWS Europe",
  type: "AWS",
  aws: { accountId: "123456789012", apiGatewayId: "a1b2c3", region: "eu-west-1", stage: "Prod" },
};
let site: Site;

beforeAll(async () => {
  site = await Site.open();
});

afterAll(async () => await site?.close());

it("a cluster whose definitions are older than the console refuses what it does not know, by its name", async () => {
  await site.field.client.request({
    method: "PATCH",
    path: DEFINITION,
    contentType: "application/json-patch+json",
    body: [
      {
        op: "remove",
        path: "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/displayName",
      },
    ],
  });
  const ada = await site.as("ada");
  // A definition holds a moment after it was written.
  const checked = await eventually(async () => {
    const answer = await ada.post("/api/accounts/acme/clouds/check", { form, existing: false });
    return answer.status === 200 ? undefined : answer;
  });
  expect(checked).toMatchObject({ status: 422, json: { code: "Invalid" } });
  expect(checked.json["detail"]).toContain('unknown field "spec.displayName"');
  const saved = await ada.post("/api/accounts/acme/clouds", form);
  expect(saved.status).toBe(422);
  expect(await site.field.cloudApis.find({ namespace: "acme", name: "aws-eu" })).toBeUndefined();
});
