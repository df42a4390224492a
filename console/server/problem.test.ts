import { describe, expect, it } from "vitest";
import { ApiError } from "../../operator/runtime/api-error.ts";
import { problemOf } from "./problem.ts";

const GENERAL = `Invalid value: "12": spec.aws.accountId in body should match '^[0-9]{12}$'`;
const OURS = `Invalid value: "12": must be an AWS account ID: 12 digits without hyphens`;

function fieldsOf(...messages: string[]): unknown {
  const fields = messages.map((message) => ({ field: "spec.aws.accountId", message }));
  return problemOf(new ApiError("create x: 422 Invalid", { status: 422, reason: "Invalid", fields })).fields;
}

describe("what is wrong with a field", () => {
  it.each([[[GENERAL, OURS]], [[OURS, GENERAL]], [[OURS]]])(
    "is told in our own words, in whatever order the server lists its own beside them",
    (errors) => {
      expect(fieldsOf(...errors)).toEqual({
        "spec.aws.accountId": "must be an AWS account ID: 12 digits without hyphens",
      });
    },
  );

  it("is told in the server's words where there are no others", () => {
    expect(fieldsOf(GENERAL)).toEqual({
      "spec.aws.accountId": "spec.aws.accountId in body should match '^[0-9]{12}$'",
    });
  });
});
