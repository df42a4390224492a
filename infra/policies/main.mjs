// The policy pack: `pulumi up --policy-pack infra/policies`. Each rule stops what breaks it. Plain JavaScript,
// because Pulumi hands a pack in TypeScript to a compiler of its own that knows no `.ts` in imports.
import { PolicyPack } from "@pulumi/policy";
import { RULES } from "./rules.ts";

new PolicyPack("certferry", {
  enforcementLevel: "mandatory",
  policies: RULES.map(({ name, description, check }) => ({
    name,
    description,
    validateResource: ({ type, props }, report) => {
      for (const fault of check(type, props)) report(fault);
    },
  })),
});
