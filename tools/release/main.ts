// For the release workflow:
//   main.ts check --tag v1.2.3 [--notes FILE]          whether this tree may be released, and its notes
//   main.ts artifacts --tag v1.2.3 --operator IMAGE@sha256:… --console IMAGE@sha256:… --out DIR
//   main.ts checksums --out DIR FILE...                SHA256SUMS in that folder
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { checksums, releasedImage, writeArtifacts } from "./artifacts.ts";
import { readiness } from "./readiness.ts";

const ROOT = resolve(import.meta.dirname, "../..");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tag: { type: "string", default: "" },
    notes: { type: "string" },
    operator: { type: "string", default: "" },
    console: { type: "string", default: "" },
    out: { type: "string", default: "" },
  },
});
const [command, ...names] = positionals;
try {
  switch (command) {
    case "check": {
      const { notes } = await readiness(ROOT, values.tag);
      if (values.notes !== undefined) await writeFile(values.notes, `${notes}\n`);
      break;
    }
    case "artifacts": {
      const { version } = await readiness(ROOT, values.tag);
      const images = { operator: releasedImage(values.operator), console: releasedImage(values.console) };
      await writeArtifacts(values.out, version, images);
      break;
    }
    case "checksums":
      await writeFile(join(values.out, "SHA256SUMS"), await checksums(values.out, names));
      break;
    case undefined:
    default:
      throw new Error("say what to do: check, artifacts or checksums");
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
