import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import type { CloudApi } from "../../crds/index.ts";
import type { ResourceClient } from "../../operator/runtime/client.ts";
import type { KubeObject, ObjectMeta } from "../../operator/runtime/objects.ts";
import type { Field } from "../field/field.ts";
import { parseObjects, readObjects } from "../harness/index.ts";

/** Frozen releases: a folder for each version. */
export const RELEASES = join(import.meta.dirname, "releases");
const DEFINITIONS = "definitions.yaml";
const OBJECTS = "objects.yaml";

export type Stated = KubeObject & { status?: unknown };

/** What a release left in a cluster: its kinds and policies, and all objects, with their statuses. */
export interface Release {
  readonly definitions: readonly KubeObject[];
  readonly objects: readonly Stated[];
}

export async function readRelease(version: string): Promise<Release> {
  const read = async (file: string): Promise<Stated[]> => {
    const path = join(RELEASES, version, file);
    return parseObjects(await readFile(path, "utf8"), path);
  };
  return { definitions: await read(DEFINITIONS), objects: await read(OBJECTS) };
}

/** Writes what is in a cluster, and the kinds of this work tree, as those of a version. */
export async function freeze(field: Field, version: string): Promise<void> {
  const folder = join(RELEASES, version);
  await mkdir(folder, { recursive: true });
  const root = join(import.meta.dirname, "../../crds");
  const definitions = [
    ...(await readObjects(join(root, "yaml"))),
    ...(await readObjects(join(root, "policies"))),
  ];
  await writeFile(join(folder, DEFINITIONS), written(definitions));
  await writeFile(join(folder, OBJECTS), written(await objectsOf(field)));
}

/** Makes the objects of a release as they were, statuses too. */
export async function put(
  field: Field,
  objects: readonly Stated[],
  change: (object: Stated) => Stated = (object) => object,
): Promise<void> {
  const clients = clientsOf(field);
  for (const each of objects) {
    const object = change(each);
    const client = clients[object.kind];
    if (client === undefined) throw new Error(`a release has no ${object.kind}`);
    const { metadata } = await client.create(object);
    if (object.status === undefined || object.kind === "Namespace") continue;
    const there = { ...object, metadata: { ...object.metadata, ...versionOf(metadata) } };
    await client.updateStatus(there);
  }
}

/** The same link, to where a test's cloud is. */
export function leadTo(api: CloudApi, origin: string, caBundle: string): CloudApi {
  const { aws } = api.spec;
  if (aws === undefined) throw new Error(`CloudApi ${api.metadata.name} leads to no AWS account`);
  return { ...api, spec: { ...api.spec, aws: { ...aws, endpoint: origin }, caBundle } };
}

const SYSTEM = /^(?:default|kube-.*)$/u;

async function objectsOf(field: Field): Promise<Stated[]> {
  const all: Stated[] = [];
  for (const client of Object.values(clientsOf(field))) {
    const { items } = await client.list();
    const own = items.filter(
      ({ kind, metadata }) =>
        !SYSTEM.test((kind === "Namespace" ? metadata.name : metadata.namespace) ?? "") &&
        metadata.name !== "kube-root-ca.crt",
    );
    all.push(...own.map(plain));
  }
  return all;
}

/** In the order in which they are made again. */
function clientsOf(field: Field): Record<string, ResourceClient<Stated>> {
  return {
    Namespace: field.namespaces,
    Secret: field.secrets,
    ConfigMap: field.configMaps,
    Reel: field.reels,
    ReelBinding: field.bindings,
    ProvisioningLedger: field.ledgers,
    CloudApi: field.cloudApis,
    DeviceBatch: field.batches,
  };
}

function plain(object: Stated): Stated {
  const { name, namespace, labels, annotations, finalizers } = object.metadata;
  const { apiVersion, kind, metadata: _cluster, ...rest } = object;
  const metadata = { name, namespace, labels, annotations, finalizers } as ObjectMeta;
  return JSON.parse(JSON.stringify({ apiVersion, kind, metadata, ...rest })) as Stated;
}

function versionOf({ resourceVersion, uid }: ObjectMeta): Partial<ObjectMeta> {
  return {
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(uid === undefined ? {} : { uid }),
  };
}

function written(objects: readonly object[]): string {
  return objects.map((object) => `---\n${stringify(object)}`).join("");
}
