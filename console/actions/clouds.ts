import { z } from "zod";
import { kinds } from "../../crds/kinds.ts";
import type { CloudApi } from "../../crds/index.ts";
import { SECRET } from "../../operator/accounts/core-kinds.ts";
import { isAlreadyExists, isNotFound } from "../../operator/runtime/api-error.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import type { KubeObject, OwnerReference } from "../../operator/runtime/objects.ts";
import { Problem } from "../server/problem.ts";
import { isDraft } from "../views/cloud-row.ts";
import { cloudApiOf, cloudApisPath, secretNameOf, specPatch } from "./cloud-form.ts";
import type { CloudForm } from "./cloud-form.ts";
import { cloudName } from "./names.ts";

export interface BasicAuthSecret extends KubeObject {
  type?: string;
  stringData?: Credentials;
}

type Credentials = NonNullable<CloudForm["credentials"]>;

/**
 * Asks the API server whether it would take this form, without anything being kept.
 * @param existing of which it would be a change
 * @throws ApiError with what is wrong, field by field
 */
export async function checkCloud(
  client: KubeClient,
  account: string,
  form: CloudForm,
  existing: boolean,
  signal: AbortSignal,
): Promise<void> {
  const query = { dryRun: "All" };
  if (existing) {
    const before = await client
      .resource<CloudApi>(kinds.CloudApi)
      .get({ namespace: account, name: form.name }, signal);
    const body = specPatch(before, form, secretOf(before));
    const path = cloudApisPath(account, form.name);
    const contentType = "application/merge-patch+json";
    await client.request({ method: "PATCH", path, query, body, contentType }, signal);
    return;
  }
  const body = cloudApiOf(account, form);
  await client.request({ method: "POST", path: cloudApisPath(account), query, body }, signal);
}

/** Creates a CloudApi, and the Secret with its credentials where it has any. */
export async function createCloud(
  client: KubeClient,
  account: string,
  form: CloudForm,
  signal: AbortSignal,
): Promise<void> {
  needsCredentials(form);
  await checkCloud(client, account, form, false, signal);
  const name = secretNameOf(form.name);
  if (form.type === "Other") await createSecret(client, account, name, form, signal);
  try {
    const api = await client.resource<CloudApi>(kinds.CloudApi).create(cloudApiOf(account, form), signal);
    if (form.type === "Other") await own(client, api, name, signal);
  } catch (error) {
    if (form.type === "Other") await client.resource(SECRET).delete({ namespace: account, name });
    throw error;
  }
}

/** Changes a CloudApi. Credentials that are not given stay as they are. */
export async function updateCloud(
  client: KubeClient,
  account: string,
  form: CloudForm,
  signal: AbortSignal,
): Promise<void> {
  const apis = client.resource<CloudApi>(kinds.CloudApi);
  const at = { namespace: account, name: form.name };
  const before = await apis.get(at, signal);
  const patch = specPatch(before, form, secretOf(before));
  await checkCloud(client, account, form, true, signal);
  if (form.credentials !== undefined && form.type === "Other") {
    await changeSecret(client, account, secretOf(before), form.credentials, signal);
  }
  await apis.patch(at, patch, { type: "merge" }, signal);
}

export const automaticRequest = z.strictObject({ cloudApi: cloudName.nullable() });

/** Makes one CloudApi the account's default, or none. The old one gives way first: two would count as none. */
export async function setAutomatic(
  client: KubeClient,
  account: string,
  target: string | null,
  signal: AbortSignal,
): Promise<void> {
  const apis = client.resource<CloudApi>(kinds.CloudApi);
  const { items } = await apis.list({ namespace: account }, signal);
  if (target !== null && !items.some((api) => api.metadata.name === target && !isDraft(api))) {
    throw new Problem(404, "NotFound", `Account ${account} has no Cloud API ${target}.`);
  }
  for (const { metadata, spec } of items) {
    if (spec.default !== true || metadata.name === target) continue;
    await apis.patch(
      { namespace: account, name: metadata.name },
      { spec: { default: null } },
      { type: "merge" },
      signal,
    );
  }
  if (target === null) return;
  await apis.patch(
    { namespace: account, name: target },
    { spec: { default: true } },
    { type: "merge" },
    signal,
  );
}

export const suspendRequest = z.strictObject({ suspend: z.boolean() });

export async function suspendCloud(
  client: KubeClient,
  at: { namespace: string; name: string },
  suspend: boolean,
  signal: AbortSignal,
): Promise<void> {
  await client
    .resource<CloudApi>(kinds.CloudApi)
    .patch(at, { spec: { suspend: suspend ? true : null } }, { type: "merge" }, signal);
}

export const cloudRemovalRequest = z.strictObject({ confirm: z.string().max(253) });

/** @throws Problem 422 when its name was not typed as it is; ApiError 404 */
export async function removeCloud(
  client: KubeClient,
  at: { namespace: string; name: string },
  confirm: string,
  signal: AbortSignal,
): Promise<void> {
  if (confirm !== at.name) {
    const detail = `Type the Cloud API's name, ${at.name}, to delete it.`;
    throw new Problem(422, "NotConfirmed", detail, { confirm: detail });
  }
  const apis = client.resource<CloudApi>(kinds.CloudApi);
  const { uid } = (await apis.get(at, signal)).metadata;
  await apis.delete(at, uid === undefined ? {} : { uid }, signal);
}

/** @throws Problem 422 for an Other without credentials */
export function needsCredentials({ type, credentials }: CloudForm): void {
  if (type !== "Other" || (credentials?.username !== undefined && credentials.username !== "")) return;
  const detail = "User and password are needed.";
  throw new Problem(422, "Invalid", detail, { credentials: detail });
}

/**
 * Makes a Secret for a new CloudApi. One that is there is somebody's: it is neither written nor read, and does not go
 * with the CloudApi.
 * @throws Problem 409
 */
export async function createSecret(
  client: KubeClient,
  account: string,
  name: string,
  { credentials }: CloudForm,
  signal: AbortSignal,
): Promise<void> {
  if (credentials === undefined) return;
  try {
    await client
      .resource<BasicAuthSecret>(SECRET)
      .create(secretOfCredentials(account, name, credentials), signal);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const detail = `There is a Secret ${name} in account ${account} already. Give the Cloud API another name, or delete that Secret if nobody needs it.`;
    throw new Problem(409, "SecretExists", detail, { name: detail });
  }
}

/** Writes new credentials into the Secret that a CloudApi names, which is never read here. */
async function changeSecret(
  client: KubeClient,
  account: string,
  name: string,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<void> {
  const secrets = client.resource<BasicAuthSecret>(SECRET);
  try {
    await secrets.create(secretOfCredentials(account, name, credentials), signal);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    await secrets.patch({ namespace: account, name }, { stringData: credentials }, { type: "merge" }, signal);
  }
}

function secretOfCredentials(namespace: string, name: string, stringData: Credentials): BasicAuthSecret {
  const metadata = { namespace, name };
  return { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/basic-auth", stringData };
}

/** The Secret goes with its CloudApi. */
export async function own(
  client: KubeClient,
  { apiVersion, kind, metadata }: CloudApi,
  secret: string,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace, uid } = metadata;
  if (uid === undefined) return;
  const ownerReferences: OwnerReference[] = [{ apiVersion, kind, name, uid }];
  try {
    await client
      .resource(SECRET)
      .patch({ namespace, name: secret }, { metadata: { ownerReferences } }, { type: "merge" }, signal);
  } catch (error) {
    // Whoever has removed it meanwhile is told so by the CloudApi.
    if (!isNotFound(error)) throw error;
  }
}

function secretOf({ metadata, spec }: CloudApi): string {
  return spec.other?.credentialsSecretRef.name ?? secretNameOf(metadata.name);
}
