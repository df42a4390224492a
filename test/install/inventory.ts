import type { KubeClient } from "../../operator/runtime/client.ts";
import { keyOf, type KubeObject } from "../../operator/runtime/objects.ts";

interface Discovered {
  readonly resources: readonly {
    name: string;
    kind: string;
    namespaced: boolean;
    verbs: readonly string[];
  }[];
}

/** What comes and goes by itself. */
const PASSING = new Set(["Event", "Lease", "EndpointSlice", "Endpoints"]);

/** Everything that is in a cluster, of every kind that it serves, as `Kind namespace/name`; sorted. */
export async function inventory(client: KubeClient): Promise<string[]> {
  const groups = (await client.request({ method: "GET", path: "/apis" })) as {
    groups: readonly { preferredVersion: { groupVersion: string } }[];
  };
  const versions = ["v1", ...groups.groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  const found = await Promise.all(versions.map((version) => objectsOf(client, version)));
  return [...new Set(found.flat())].sort();
}

async function objectsOf(client: KubeClient, version: string): Promise<string[]> {
  const path = version === "v1" ? "/api/v1" : `/apis/${version}`;
  const { resources } = (await client.request({ method: "GET", path })) as Discovered;
  const listed = resources.filter(
    ({ name, kind, verbs }) => !name.includes("/") && verbs.includes("list") && !PASSING.has(kind),
  );
  const lists = await Promise.all(
    listed.map(async ({ name, kind }) => {
      const { items } = (await client.request({ method: "GET", path: `${path}/${name}` })) as {
        items: readonly KubeObject[];
      };
      return items.map((item) => `${kind} ${keyOf(item)}`);
    }),
  );
  return lists.flat();
}
