import { readFile, writeFile } from "node:fs/promises";

import { parse, stringify } from "yaml";

interface KubeconfigFile {
  readonly contexts: readonly { readonly name: string; readonly context: object }[];
}

/**
 * Writes a kubeconfig in which every context has the namespace, so that a command without `-n` finds it.
 * @throws Error when the file to read is not there
 */
export async function writeKubeconfig(from: string, to: string, namespace: string): Promise<void> {
  const config = parse(await readFile(from, "utf8")) as KubeconfigFile;
  const contexts = config.contexts.map((each) => ({ ...each, context: { ...each.context, namespace } }));
  await writeFile(to, stringify({ ...config, contexts }), { mode: 0o600 });
}
