import { randomUUID } from "node:crypto";
import { etcdOf } from "./etcd-size.ts";
import { ACCOUNT, type Ground } from "./ground.ts";

/** All of one length, so that each is as large as the first. */
const TEMPLATE = nameOf(0);
/** Where the first batch is bound to. */
const CLOUD = "cloud";
const KINDS = ["reels", "devicebatches", "reelbindings", "provisioningledgers"] as const;
/** Batches in one transaction of etcd, which takes 128 writes at most. */
const TOGETHER = 25;
const ASK_MS = 20_000;

interface Stored {
  readonly key: string;
  readonly value: string;
}

/** Has the first batch of a herd bound and provisioned in earnest; an operator must be running. */
export async function raiseFirst(ground: Ground, deadline: number): Promise<void> {
  await ground.cloud(CLOUD);
  const reel = await ground.manifest(TEMPLATE, 10);
  await ground.bind(reel, [CLOUD]);
  await ground.ready(reel, deadline);
}

/**
 * Makes `count` more batches that are provisioned already, with reel, binding and ledger: what the API server stored of
 * the first is put into etcd under other names and UIDs, as it stands there. Through the API server it would be seven
 * requests each, and some minutes; to have an operator bind and provision each would take an hour.
 * @throws Error when etcd does not hold the first one
 */
export async function multiply({ field }: Ground, count: number): Promise<void> {
  const url = await etcdOf(field);
  const originals = (await Promise.all(KINDS.map((kind) => storedOf(url, kind)))).flat();
  const uids = new Set(originals.map(({ value }) => uidOf(value)));
  if (originals.length !== KINDS.length || uids.size !== KINDS.length) {
    throw new Error(
      `etcd holds ${originals.length} objects of ${TEMPLATE}, of ${ACCOUNT}, and not ${KINDS.length}`,
    );
  }
  for (let first = 1; first <= count; first += TOGETHER) {
    const puts: Stored[] = [];
    for (let at = first; at < Math.min(first + TOGETHER, count + 1); at += 1) {
      // A binding names the UID of its batch, so each is another one in all four.
      const fresh = new Map([...uids].map((uid) => [uid, randomUUID()]));
      puts.push(...originals.map((original) => copyOf(original, at, fresh)));
    }
    await ask(url, "txn", {
      success: puts.map(({ key, value }) => ({ requestPut: { key: base64(key), value: base64(value) } })),
    });
  }
}

/** The objects of the first batch, of one kind. */
async function storedOf(url: string, kind: string): Promise<Stored[]> {
  const prefix = `/registry/certferry.dev/${kind}/`;
  const answer = (await ask(url, "range", { key: base64(prefix), range_end: base64(`${prefix}\u007f`) })) as {
    kvs?: { key: string; value: string }[];
  };
  return (answer.kvs ?? [])
    .map(({ key, value }) => ({ key: textOf(key), value: textOf(value) }))
    .filter(({ key }) => key.includes(TEMPLATE.toLowerCase()));
}

function copyOf({ key, value }: Stored, at: number, uids: ReadonlyMap<string, string>): Stored {
  const renamed = (text: string): string =>
    text.replaceAll(TEMPLATE, nameOf(at)).replaceAll(TEMPLATE.toLowerCase(), nameOf(at).toLowerCase());
  let copy = renamed(value);
  for (const [before, after] of uids) copy = copy.replaceAll(before, after);
  return { key: renamed(key), value: copy };
}

function uidOf(value: string): string {
  return (JSON.parse(value) as { metadata: { uid: string } }).metadata.uid;
}

async function ask(url: string, what: "range" | "txn", body: object): Promise<unknown> {
  const answer = await fetch(`${url}/v3/kv/${what}`, {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ASK_MS),
  });
  if (!answer.ok) throw new Error(`etcd answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

function nameOf(at: number): string {
  return `IDLE${String(at).padStart(6, "0")}`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function textOf(coded: string): string {
  return Buffer.from(coded, "base64").toString("utf8");
}
