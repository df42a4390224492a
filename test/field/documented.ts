import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { findKubectl } from "../../tools/kubectl/source.ts";

const run = promisify(execFile);
const DOCS = resolve(import.meta.dirname, "../../docs");

/** Where commands stand in a page: which shell block under which heading. */
export interface Place {
  readonly page: string;
  readonly heading: string;
  /** Counted from 0, within the heading's own section. */
  readonly block: number;
}

/**
 * Runs commands of a page as they stand, as an administrator of a cluster.
 * @param cwd where files that they write come
 * @throws Error with what they wrote, or when there is no such block
 */
export async function asDocumented(place: Place, o: { kubeconfig: string; cwd: string }): Promise<void> {
  const page = await readFile(join(DOCS, place.page), "utf8");
  const section = page.split(/^#+ /m).find((part) => part.startsWith(`${place.heading}\n`)) ?? "";
  const script = [...section.matchAll(/^```sh\n(.*?)^```$/gms)][place.block]?.[1];
  if (script === undefined) throw new Error(`docs/${place.page} has no such block: ${place.heading}`);
  const { path } = await findKubectl();
  const env = {
    ...process.env,
    KUBECONFIG: o.kubeconfig,
    PATH: `${dirname(path)}${delimiter}${process.env["PATH"] ?? ""}`,
  };
  await run("bash", ["-euo", "pipefail", "-c", script], { cwd: o.cwd, env, timeout: 60_000 });
}
