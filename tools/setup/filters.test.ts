import { expect, it } from "vitest";
import { needsCloudParts } from "./cloud-parts.ts";
import { needsConsoleParts } from "./console-parts.ts";
import { needsFaultParts } from "./fault-parts.ts";
import { needsInstallParts } from "./install-parts.ts";
import { needsObservabilityParts } from "./observability-parts.ts";

const NEEDS = {
  cloud: needsCloudParts,
  console: needsConsoleParts,
  fault: needsFaultParts,
  install: needsInstallParts,
  observability: needsObservabilityParts,
};
const neededBy = (...args: string[]): string[] =>
  Object.entries(NEEDS).flatMap(([name, needs]) => (needs(args) ? [name] : []));

it("all parts are needed without a filter, whatever options there are", () => {
  for (const args of [[], ["--bail=1"], ["-t", "console"]]) {
    expect(neededBy(...args)).toEqual(Object.keys(NEEDS));
  }
});

it.each([
  ["operator/runtime", []],
  ["infra/aws", ["cloud"]],
  ["console/views", ["console"]],
  ["test/faults", ["fault"]],
  ["test/gitops", ["install"]],
  ["test/observability", ["observability"]],
])("of those of %s: %j", (filter, needed) => {
  expect(neededBy(filter)).toEqual(needed);
});
