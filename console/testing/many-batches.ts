import { randomUUID } from "node:crypto";
import { ACCOUNT_LABEL, kinds } from "../../crds/kinds.ts";
import { etcdOf } from "../../test/bench/ground/etcd-size.ts";
import type { Field } from "../../test/field/field.ts";
import { apply, eventually } from "../../test/harness/index.ts";

const RBAC = "rbac.authorization.k8s.io";
/** etcd takes 128 writes in a transaction. */
const TOGETHER = 100;
const TEMPLATE = nameOf(0);

/**
 * An account with so many batches that nobody works on: `B-00000` and so on, half of them added by finn, half by ada, who
 * may see them all. The first is created; the others are put into etcd as it stands there under other names, for
 * through the API server they would take a minute.
 * @throws Error when etcd does not hold the first, or the API server does not list all
 */
export async function manyBatches(field: Field, account: string, count: number): Promise<void> {
  await field.namespaces.create({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: account, labels: { [ACCOUNT_LABEL]: "true" } },
  });
  const binding = {
    apiVersion: `${RBAC}/v1`,
    kind: "RoleBinding",
    metadata: { name: "ada-sees", namespace: account },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "certferry-viewer" },
    subjects: [{ apiGroup: RBAC, kind: "User", name: "ada" }],
  };
  await apply(field.client, [binding]);
  const annotations = { "certferry.dev/added-by": "ada", "certferry.dev/added-from": "CLI" };
  const first = await field.batch(account, TEMPLATE.toLowerCase(), { batchId: TEMPLATE }, annotations);
  const etcd = await etcdOf(field);
  const { group, plural } = kinds.DeviceBatch;
  const key = `/registry/${group}/${plural}/${account}/${first.metadata.name}`;
  const found = (await ask(etcd, "range", { key: base64(key) })) as { kvs?: { value: string }[] };
  const [stored] = found.kvs ?? [];
  if (stored === undefined) throw new Error(`etcd holds no ${key}`);
  const text = Buffer.from(stored.value, "base64").toString("utf8");
  const copy = (n: number): { requestPut: { key: string; value: string } } => {
    const renamed = (given: string): string =>
      given
        .replaceAll(TEMPLATE, nameOf(n))
        .replaceAll(TEMPLATE.toLowerCase(), nameOf(n).toLowerCase())
        .replaceAll(first.metadata.uid ?? "no uid", randomUUID());
    const value = n % 2 === 0 ? renamed(text) : renamed(text).replaceAll('"ada"', '"finn"');
    return { requestPut: { key: base64(renamed(key)), value: base64(value) } };
  };
  for (let from = 1; from < count; from += TOGETHER) {
    const numbers = Array.from({ length: Math.min(TOGETHER, count - from) }, (_, n) => from + n);
    await ask(etcd, "txn", { success: numbers.map(copy) });
  }
  await eventually(async () => (await field.batches.list({ namespace: account })).items.length === count);
}

async function ask(etcd: string, what: "range" | "txn", body: object): Promise<unknown> {
  const answer = await fetch(`${etcd}/v3/kv/${what}`, {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });
  if (!answer.ok) throw new Error(`etcd answered ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function nameOf(n: number): string {
  return `B-${String(n).padStart(5, "0")}`;
}
