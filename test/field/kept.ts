import { readFile } from "node:fs/promises";
import { parse } from "yaml";

import type { KubeObject } from "../../operator/runtime/objects.ts";
import type { ResourceClient } from "../../operator/runtime/client.ts";
import { keepOutput, keepSecret, keptOutput } from "../../tools/process/kept-output.ts";
import { EVENT } from "./events.ts";
import type { Field } from "./field.ts";

const DEADLINE_MS = 10_000;
/** Entries of Secrets that are none. */
const OPEN = new Set(["username", "ca.crt", "namespace"]);

/**
 * Where a run of the tests keeps what is written: has every Secret of a cluster looked for, and keeps what people read there
 * to be searched: Certferry's objects with their statuses, and Events. A cluster that does not answer any more has none.
 */
export async function keepWhatIsThere(field: Field): Promise<void> {
  if (keptOutput() === undefined) return;
  await keepAdministrator(field.plane.kubeconfig);
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const each = async <T extends KubeObject>(
    client: ResourceClient<T>,
    use: (object: T) => void,
  ): Promise<void> => {
    const { items } = await client.list({}, signal).catch(() => ({ items: [] }));
    for (const item of items) use(item);
  };
  await each(field.secrets, ({ metadata, data = {} }) => {
    for (const [entry, value] of Object.entries(data)) {
      const text = Buffer.from(value, "base64").toString("utf8");
      const isPublic = /-----BEGIN (?:CERTIFICATE|PUBLIC KEY)/.test(text) && !text.includes("PRIVATE KEY");
      if (OPEN.has(entry) || isPublic) continue;
      keepSecret(`${entry} of Secret ${metadata.namespace ?? ""}/${metadata.name}`, text);
    }
  });
  const read = (object: KubeObject): void =>
    keepOutput(`objects-${process.pid}`, `${JSON.stringify(object)}\n`);
  await each(field.batches, read);
  await each(field.cloudApis, read);
  await each(field.reels, read);
  await each(field.bindings, read);
  await each(field.ledgers, read);
  await each(field.client.resource(EVENT), read);
}

async function keepAdministrator(kubeconfig: string): Promise<void> {
  const text = await readFile(kubeconfig, "utf8").catch(() => "");
  const { users = [] } = (parse(text) ?? {}) as { users?: { user: Record<string, string> }[] };
  for (const { user } of users) {
    for (const entry of ["client-key-data", "token"]) {
      const value = user[entry];
      if (value !== undefined) keepSecret(`${entry} of the administrator`, value);
    }
  }
}
