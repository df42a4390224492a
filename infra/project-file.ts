import { stringify } from "yaml";
import type { Setting } from "./config/kinds.ts";
import { SETTINGS } from "./config/settings.ts";

const HEADER = "# Generated from infra/config/settings.ts by infra/generate.ts; change it there.\n";

/**
 * The content of Pulumi.yaml. Node itself strips the types: with `typescript: true` Pulumi would load a compiler
 * of its own that knows neither this syntax nor `.ts` in imports.
 */
export function projectFile(): string {
  const config = Object.fromEntries(
    Object.entries<Setting<unknown>>(SETTINGS).map(([key, { type, description, default: initial }]) => [
      key,
      { type, ...(type === "array" ? { items: { type: "string" } } : {}), description, default: initial },
    ]),
  );
  const project = {
    name: "certferry",
    description: "Product clouds for Certferry in AWS and Azure",
    runtime: { name: "nodejs", options: { typescript: false, packagemanager: "npm" } },
    main: "infra/main.mjs",
    config,
  };
  return HEADER + stringify(project, { lineWidth: 0 });
}
