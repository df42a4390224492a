import { join, resolve } from "node:path";

import type { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeObject } from "../../operator/runtime/objects.ts";
import { apply, kindOf, readObjects } from "./apply.ts";
import type { ApplyOptions } from "./apply.ts";
import { eventually } from "./eventually.ts";

const CRDS = resolve(import.meta.dirname, "../../crds");

interface CustomResourceDefinition extends KubeObject {
  spec: { group: string; names: { kind: string }; versions: { name: string; served: boolean }[] };
  status?: { conditions?: { type: string; status: string }[] };
}

/**
 * Installs the custom resource definitions and admission policies of this work tree, and waits until the server
 * serves the kinds. Doing it again does no harm.
 * @throws ApiError, or Error when the kinds are not served within half a minute
 */
export async function installCrds(client: KubeClient, options: ApplyOptions = {}): Promise<void> {
  const definitions = (await readObjects(join(CRDS, "yaml"))) as CustomResourceDefinition[];
  await apply(client, definitions, options);
  for (const definition of definitions) {
    const resource = client.resource<CustomResourceDefinition>(
      await kindOf(client, definition, options.signal),
    );
    await eventually(
      async (signal) => {
        const { status } = await resource.get({ name: definition.metadata.name }, signal);
        return status?.conditions?.some((each) => each.type === "Established" && each.status === "True");
      },
      {
        what: `${definition.metadata.name} is established`,
        ...(options.signal && { signal: options.signal }),
      },
    );
    const { group, names, versions } = definition.spec;
    for (const version of versions.filter((each) => each.served)) {
      await kindOf(client, { apiVersion: `${group}/${version.name}`, kind: names.kind }, options.signal);
    }
  }
  await apply(client, await readObjects(join(CRDS, "policies")), options);
}
