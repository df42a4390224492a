import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { parseAllDocuments } from "yaml";

import { isNotFound } from "../../operator/runtime/api-error.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeObject, ResourceKind } from "../../operator/runtime/objects.ts";
import { eventually } from "./eventually.ts";

export interface ApplyOptions {
  /** Who owns the fields that are set; "certferry-tools" unless told. */
  readonly fieldManager?: string;
  /** For objects of namespaced kinds that name none; "default" unless told. */
  readonly namespace?: string;
  readonly signal?: AbortSignal;
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const served = new WeakMap<KubeClient, Map<string, Promise<readonly ApiResource[]>>>();
const KIND_DEADLINE_MS = 15_000;

/**
 * The objects in a YAML text of any number of documents.
 * @param source where the text is from, for error messages
 * @throws Error for YAML that does not parse and for documents that are no Kubernetes objects
 */
export function parseObjects(text: string, source = "YAML"): KubeObject[] {
  const objects: KubeObject[] = [];
  for (const document of parseAllDocuments(text)) {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${source}: ${error.message}`, { cause: error });
    const object = document.toJS() as Partial<KubeObject> | null;
    if (object === null) continue;
    if (typeof object.apiVersion !== "string" || typeof object.kind !== "string" || !object.metadata?.name) {
      throw new Error(`${source}: a document without apiVersion, kind or metadata.name`);
    }
    objects.push(object as KubeObject);
  }
  return objects;
}

/** The objects in all .yaml files of a folder and its folders, in the order of the files' paths. */
export async function readObjects(folder: string): Promise<KubeObject[]> {
  const names = await readdir(folder, { recursive: true });
  const objects: KubeObject[] = [];
  for (const name of names.filter((each) => /\.ya?ml$/.test(each)).sort()) {
    const file = join(folder, name);
    objects.push(...parseObjects(await readFile(file, "utf8"), file));
  }
  return objects;
}

/**
 * Applies objects one after the other by server-side apply, taking fields over from other managers.
 * @returns them as the server has them now
 * @throws ApiError when the server refuses one
 */
export async function apply(
  client: KubeClient,
  objects: readonly KubeObject[],
  options: ApplyOptions = {},
): Promise<KubeObject[]> {
  const applied: KubeObject[] = [];
  for (const object of objects) {
    const kind = await kindOf(client, object, options.signal);
    const namespace = kind.namespaced
      ? (object.metadata.namespace ?? options.namespace ?? "default")
      : undefined;
    const key = { name: object.metadata.name, ...(namespace === undefined ? {} : { namespace }) };
    applied.push(
      await client
        .resource(kind)
        .patch(
          key,
          { ...object, metadata: { ...object.metadata, ...key } },
          { type: "apply", fieldManager: options.fieldManager ?? "certferry-tools", force: true },
          options.signal,
        ),
    );
  }
  return applied;
}

/** Applies a YAML text; see {@link apply}. */
export async function applyYaml(
  client: KubeClient,
  text: string,
  options: ApplyOptions = {},
): Promise<KubeObject[]> {
  return await apply(client, parseObjects(text), options);
}

/**
 * What the server says of an object's kind. A kind of a CRD that was made just now is waited for.
 * @throws Error when the server serves no such kind
 */
export async function kindOf(
  client: KubeClient,
  object: { apiVersion: string; kind: string },
  signal?: AbortSignal,
): Promise<ResourceKind> {
  const { apiVersion, kind } = object;
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const resource = await eventually(
    async (inner) => {
      const resources = await resourcesOf(client, apiVersion, inner);
      const found = resources.find((each) => each.kind === kind && !each.name.includes("/"));
      if (found === undefined) served.get(client)?.delete(apiVersion);
      return found;
    },
    {
      deadline: KIND_DEADLINE_MS,
      what: `the server serves ${kind} of ${apiVersion}`,
      ...(signal && { signal }),
    },
  );
  return { group, version, plural: resource.name, kind, namespaced: resource.namespaced };
}

async function resourcesOf(
  client: KubeClient,
  apiVersion: string,
  signal: AbortSignal,
): Promise<readonly ApiResource[]> {
  let known = served.get(client);
  if (known === undefined) {
    known = new Map();
    served.set(client, known);
  }
  let answer = known.get(apiVersion);
  if (answer === undefined) {
    answer = discover(client, apiVersion, signal);
    known.set(apiVersion, answer);
    answer.catch(() => known.delete(apiVersion));
  }
  return await answer;
}

async function discover(
  client: KubeClient,
  apiVersion: string,
  signal: AbortSignal,
): Promise<readonly ApiResource[]> {
  const path = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  try {
    const answer = (await client.request({ method: "GET", path }, signal)) as { resources?: ApiResource[] };
    return answer.resources ?? [];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
