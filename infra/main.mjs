// Where Pulumi enters. Plain JavaScript, so that an older Node gets as far as being told so; what the program
// needs from the repository's own packages is installed when it is missing.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const OLDEST = 24;

export default async function main() {
  if (Number(process.versions.node.split(".")[0]) < OLDEST) {
    throw new Error(
      `Certferry's Pulumi program runs on Node ${OLDEST} or newer, and the \`node\` on Pulumi's PATH is ${process.version}. ` +
        "Run Pulumi as `npm run pulumi -- up`, which brings the right one, or put a newer Node first on the PATH.",
    );
  }
  const bootstrap = fileURLToPath(new URL("../tools/setup/bootstrap.mjs", import.meta.url));
  const { status } = spawnSync(process.execPath, [bootstrap], { stdio: ["ignore", 2, 2] });
  if (status !== 0)
    throw new Error("The packages that the program needs could not be installed; see above why");
  const { program } = await import("./index.ts");
  return await program();
}
