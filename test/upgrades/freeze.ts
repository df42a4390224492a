// Freezes what this version writes, for the tests of those to come: `node test/upgrades/freeze.ts [VERSION]`. Part of a
// release (docs/upgrades.md); a real operator on a real API server makes it, in half a minute.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Field } from "../field/field.ts";
import { populate } from "./population.ts";
import { freeze } from "./release.ts";

const text = await readFile(join(import.meta.dirname, "../../package.json"), "utf8");
const version = process.argv[2] ?? (JSON.parse(text) as { version: string }).version;
if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${version} is no version, such as 1.2.3`);
const field = await Field.open();
try {
  const operator = await field.operator();
  await populate(field);
  // As a node that goes down ends it: in the midst of its work.
  await operator.kill();
  await freeze(field, version);
} finally {
  await field.close();
}
process.stdout.write(`test/upgrades/releases/${version} holds what version ${version} writes\n`);
