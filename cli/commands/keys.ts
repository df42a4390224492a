import { ACCOUNT_LABEL, KEY_ROTATION_REQUESTED_AT } from "../../crds/index.ts";
import { withDeadline } from "../../operator/runtime/deadline.ts";
import { atCluster, type Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { checkOut, type OutFile, writeOut } from "../output/out-file.ts";
import { some } from "../output/words.ts";

export interface KeysOptions extends OutFile {
  /** The one key that is signed with, as PEM, for callees that take no key set. */
  readonly pem?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  readonly wait?: boolean;
}

/** The ConfigMap in which an account's public keys are published, and its entries. */
const PUBLISHED = "certferry-jwks";
const JWKS = "jwks.json";
const PEM = "public.pem";
const POLL_MS = 500;

interface PublicKeys {
  readonly jwks: string;
  readonly pem: string;
  readonly kids: readonly string[];
}

/** Makes the namespace an account, and gives its public keys once the operator has made them: before any cloud is. */
export async function keysInit(context: Context, options: KeysOptions): Promise<ExitCode> {
  await checkOut(options);
  return await atCluster(context, async (session) => {
    const { io, signal } = context;
    const { namespaces, namespace } = session;
    const there = await publishedIn(session, signal);
    if (there === undefined) {
      const labels = { [ACCOUNT_LABEL]: "true" };
      if ((await namespaces.find({ name: namespace }, signal)) === undefined) {
        await namespaces.create(
          { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } },
          signal,
        );
        await io.stderr.write(`Namespace ${namespace} created.\n`);
      } else {
        await namespaces.patch({ name: namespace }, { metadata: { labels } }, {}, signal);
      }
      await io.stderr.write(`Namespace ${namespace} is an account; waiting for its key.\n`);
    }
    const keys = there ?? (await until(context, session, options.timeout, (seen) => seen));
    await give(context, session, keys, options);
    return EXIT.ok;
  });
}

/** Gives the public keys of the account. */
export async function keysShow(context: Context, options: KeysOptions): Promise<ExitCode> {
  await checkOut(options);
  return await atCluster(context, async (session) => {
    const keys = await publishedIn(session, context.signal);
    if (keys === undefined) throw notYet(context, session);
    await give(context, session, keys, options);
    return EXIT.ok;
  });
}

/** Asks for a new signing key; it is published beside the present one, until every cloud accepts it. */
export async function keysRotate(context: Context, options: KeysOptions): Promise<ExitCode> {
  await checkOut(options);
  return await atCluster(context, async (session) => {
    const { io, signal } = context;
    const { namespace } = session;
    const before = await publishedIn(session, signal);
    if (before === undefined) throw notYet(context, session);
    if (before.kids.length > 1) {
      throw new CliError(
        EXIT.refused,
        `the keys of account ${namespace} are being rotated already`,
        `Give both keys to its clouds (${io.program} keys show -n ${namespace}); the rotation ends by itself when all accept the new one. kubectl describe namespace ${namespace} says what it waits for`,
      );
    }
    const annotations = { [KEY_ROTATION_REQUESTED_AT]: new Date(io.clock.now()).toISOString() };
    await session.namespaces.patch({ name: namespace }, { metadata: { annotations } }, {}, signal);
    const next = await until(context, session, options.timeout, (seen) =>
      seen.kids.some((kid) => !before.kids.includes(kid)) ? seen : undefined,
    );
    await io.stderr.write(
      next.kids.length > 1
        ? "The next key is published beside the present one. Give this key set to every cloud of the account (pulumi config set jwks …; pulumi up): the rotation ends when all accept it.\n"
        : "Every cloud of the account accepts the new key already; the one before is gone.\n",
    );
    await give(context, session, next, options);
    if (options.wait !== true) return EXIT.ok;
    const ended = await until(context, session, undefined, (seen) =>
      seen.kids.length === 1 && !before.kids.includes(seen.kids[0] ?? "") ? seen : undefined,
    );
    await io.stderr.write(`Rotated: ${ended.kids.join(", ")} is the key of account ${namespace}.\n`);
    return EXIT.ok;
  });
}

async function publishedIn(
  { configMaps, namespace }: Session,
  signal: AbortSignal,
): Promise<PublicKeys | undefined> {
  const data = (await configMaps.find({ namespace, name: PUBLISHED }, signal))?.data;
  const jwks = data?.[JWKS];
  if (jwks === undefined) return undefined;
  const { keys = [] } = JSON.parse(jwks) as { keys?: { kid?: string }[] };
  return { jwks, pem: data?.[PEM] ?? "", kids: keys.map(({ kid = "?" }) => kid) };
}

async function until(
  context: Context,
  session: Session,
  ms: number | undefined,
  reached: (keys: PublicKeys) => PublicKeys | undefined,
): Promise<PublicKeys> {
  const { io, signal } = context;
  const look = async (inner: AbortSignal): Promise<PublicKeys> => {
    for (;;) {
      const seen = await publishedIn(session, inner);
      const found = seen && reached(seen);
      if (found !== undefined) return found;
      await io.clock.sleep(POLL_MS, inner);
    }
  };
  if (ms === undefined) return await look(signal);
  const late = (): CliError =>
    new CliError(
      EXIT.timeout,
      `the operator has published no such key of account ${session.namespace} within ${ms / 1000} seconds`,
      `Is it running, and does it serve this namespace? ${io.program} doctor -n ${session.namespace} looks`,
    );
  return await withDeadline({ clock: io.clock, ms, signal, late }, look);
}

async function give(
  { io }: Context,
  { namespace }: Session,
  { jwks, pem, kids }: PublicKeys,
  options: KeysOptions,
): Promise<void> {
  const { pem: wantsPem, out } = options;
  const text = wantsPem === true ? pem : jwks;
  await io.stderr.write(`Account ${namespace} has ${some(kids.length, "public key")}: ${kids.join(", ")}.\n`);
  if (out === undefined) await io.stdout.write(text);
  else await writeOut(out, text, options);
}

function notYet({ io }: Context, { namespace }: Session): CliError {
  return new CliError(
    EXIT.notFound,
    `account ${namespace} has no published key (ConfigMap ${namespace}/${PUBLISHED})`,
    `Make it one: ${io.program} keys init -n ${namespace}`,
  );
}
