import type { FindOptions, FoundProgram } from "../go-build/find-program.ts";
import { findReleased } from "../go-build/released-program.ts";
import type { ReleasedProgram } from "../go-build/released-program.ts";

const MODULE = "github.com/Shopify/toxiproxy/v2";

const TOXIPROXY: ReleasedProgram = {
  name: "toxiproxy",
  what: "toxiproxy-server",
  takes: "half a minute",
  sources: import.meta.dirname,
  module: MODULE,
  package: `${MODULE}/cmd/server`,
  file: "toxiproxy-server",
  versionVariables: [`${MODULE}.Version`],
  prefix: "",
  variable: "CERTFERRY_TOXIPROXY",
  ask: { args: ["-version"], answer: /^toxiproxy-server version v?(\d+\.\d+\.\d+\S*)/ },
  withoutGo: "Install Go, or toxiproxy, or set CERTFERRY_TOXIPROXY to the path of a toxiproxy-server",
};

/** Finds toxiproxy-server, as findReleased does. @throws Error when none is to be had, with what to do */
export async function findToxiproxy(options: FindOptions = {}): Promise<FoundProgram> {
  return await findReleased(TOXIPROXY, options);
}
