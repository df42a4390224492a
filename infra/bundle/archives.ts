import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { bundle, ENTRIES } from "./build.ts";
import { zip } from "./zip.ts";

/** Where what is built for an upload lies; nothing there is committed. */
const BUILT = resolve(import.meta.dirname, "../../.certferry/infra");

/** The Lambda function's code: `index.mjs`, whose `handler` is the callee. */
export function lambdaArchive(entry: string = ENTRIES.aws): pulumi.asset.Archive {
  return new pulumi.asset.AssetArchive({
    "index.mjs": new pulumi.asset.StringAsset(bundle(entry).code),
  });
}

/** A package to be deployed, and what tells it from others. */
export interface DeploymentPackage {
  /** A zip file. */
  readonly content: Uint8Array;
  /** SHA-256 of its content, hex. */
  readonly hash: string;
}

/** Routes without the prefix `/api`, as the protocol's address has none. */
const HOST_JSON = {
  version: "2.0",
  extensions: { http: { routePrefix: "" } },
  logging: { applicationInsights: { samplingSettings: { isEnabled: true, excludedTypes: "Request" } } },
  // A request is answered long before; this ends one that hangs.
  functionTimeout: "00:02:00",
};

/** Where the Function App's package lies too, for a deployment by hand. */
export const PACKAGE_FILE = join(BUILT, "function-app.zip");

/**
 * The Function App's package: a zip file with `host.json`, `package.json` and the bundled callee, the same bytes
 * for the same sources.
 */
export function functionAppPackage(entry: string = ENTRIES.azure): DeploymentPackage {
  // The worker itself puts this module before the code that runs in it.
  const { code } = bundle(entry, ["@azure/functions-core"]);
  const content = zip({
    "host.json": JSON.stringify(HOST_JSON),
    "index.mjs": code,
    "package.json": JSON.stringify({ name: "certferry-callee", version: "0.0.0", main: "index.mjs" }),
  });
  mkdirSync(BUILT, { recursive: true });
  writeFileSync(PACKAGE_FILE, content);
  return { content, hash: createHash("sha256").update(content).digest("hex") };
}
