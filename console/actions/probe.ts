import { randomBytes } from "node:crypto";
import { kinds } from "../../crds/kinds.ts";
import type { CloudApi } from "../../crds/index.ts";
import { SECRET } from "../../operator/accounts/core-kinds.ts";
import type { KubeClient } from "../../operator/runtime/client.ts";
import type { Logger } from "../../operator/runtime/logger.ts";
import { Problem } from "../server/problem.ts";
import { DRAFT_LABEL, cloudRow, isDraft } from "../views/cloud-row.ts";
import type { ProbeVerdict } from "../views/wire.ts";
import { cloudApiOf, secretNameOf } from "./cloud-form.ts";
import type { CloudForm } from "./cloud-form.ts";
import { createSecret, needsCredentials, own } from "./clouds.ts";

const VERDICT_MS = 12_000;
const POLL_MS = 250;
/** A draft that is older was left by a console that has ended. */
const STALE_MS = 300_000;

/**
 * Has the operator, which alone has the account's keys, try a link that is not there yet: a CloudApi of another name is
 * made for it, which is no default and which no batch names, and removed again.
 * @throws ApiError when the API server does not take the form
 */
export async function probe(
  client: KubeClient,
  account: string,
  form: CloudForm,
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<ProbeVerdict> {
  const apis = client.resource<CloudApi>(kinds.CloudApi);
  const { items } = await apis.list({ namespace: account }, signal);
  await clearAway(client, items, signal);
  const before = items.find(({ metadata }) => metadata.name === form.name);
  const name = `draft-${randomBytes(5).toString("hex")}`;
  const kept = before?.spec.other?.credentialsSecretRef.name;
  if (kept === undefined) needsCredentials(form);
  const secret = form.credentials === undefined && kept !== undefined ? kept : secretNameOf(name);
  const draft = cloudApiOf(account, { ...form, name }, secret);
  draft.metadata.labels = { [DRAFT_LABEL]: String(Math.floor(client.clock.now() / 1000)) };
  const ownSecret = form.type === "Other" && secret === secretNameOf(name);
  try {
    // Before the draft: one that finds no Secret would be told of that, and tried again much later.
    if (ownSecret) await createSecret(client, account, secret, form, signal);
    const made = await apis.create(draft, signal);
    if (ownSecret) await own(client, made, secret, signal);
    const verdict = await verdictOn(client, account, name, signal);
    // The person knows the link by the name that it will have.
    return { ...verdict, message: verdict.message.replaceAll(name, form.name) };
  } finally {
    // Also when the page has gone: neither must stay.
    await Promise.all([
      apis.delete({ namespace: account, name }),
      ownSecret ? client.resource(SECRET).delete({ namespace: account, name: secret }) : undefined,
    ]).catch((error: unknown) => {
      log.warn({ err: error, account, name }, "a draft of a CloudApi was left behind");
    });
  }
}

async function verdictOn(
  client: KubeClient,
  account: string,
  name: string,
  signal: AbortSignal,
): Promise<ProbeVerdict> {
  const apis = client.resource<CloudApi>(kinds.CloudApi);
  const until = client.clock.now() + VERDICT_MS;
  while (client.clock.now() < until) {
    const {
      ready,
      reason = "",
      message = "",
    } = cloudRow(await apis.get({ namespace: account, name }, signal));
    if (ready === "True") return { ok: true, reason, message };
    if (ready === "False") return { ok: false, reason, message };
    await client.clock.sleep(POLL_MS, signal);
  }
  throw new Problem(
    503,
    "NoVerdict",
    "The operator has not tried this cloud in time: it may be down, or busy. You can save without a test.",
  );
}

async function clearAway(client: KubeClient, items: readonly CloudApi[], signal: AbortSignal): Promise<void> {
  const now = client.clock.now();
  for (const api of items.filter(isDraft)) {
    const made = Number(api.metadata.labels?.[DRAFT_LABEL] ?? 0) * 1000;
    if (now - made < STALE_MS) continue;
    const { name, namespace } = api.metadata;
    await client.resource<CloudApi>(kinds.CloudApi).delete({ namespace, name }, {}, signal);
  }
}
