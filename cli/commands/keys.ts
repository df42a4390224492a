import { ACCOUNT_LABEL, KEY_ROTATION_REQUESTED_AT } from "../../crds/index.ts";
import { withDeadline } from "../../operator/runtime/deadline.ts";
import { PUBLISHED, publishedIn, type PublicKeys } from "../cluster/published-keys.ts";
import { atCluster, type Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { checkOut, type OutFile, writeOut } from "../output/out-file.ts";
import { some } from "../output/words.ts";
import { untilRotated } from "./key-rotation.ts";

export interface KeysOptions extends OutFile {
  /** The one key that is signed with, as PEM, for callees that take no key set. */
  readonly pem?: boolean;
  /** Milliseconds: for the operator, and of `wait` for all. A minute for the operator unless given. */
  readonly timeout?: number;
  readonly wait?: boolean;
}

const PATIENCE_MS = 60_000;
const POLL_MS = 500;

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

/**
 * Asks for a new signing key; it is published beside the present one, until every cloud accepts it. With `wait` until
 * then, and a rotation that is under way is waited for.
 */
export async function keysRotate(context: Context, options: KeysOptions): Promise<ExitCode> {
  await checkOut(options);
  return await atCluster(context, async (session) => {
    const { io, signal } = context;
    const { namespace } = session;
    const started = io.clock.now();
    const before = await publishedIn(session, signal);
    if (before === undefined) throw notYet(context, session);
    let next = before;
    if (before.kids.length === 1) next = await askForNext(context, session, before, options);
    else if (options.wait !== true) throw underWay(context, session);
    else await io.stderr.write(`The keys of account ${namespace} are being rotated already.\n`);
    await give(context, session, next, options);
    if (options.wait !== true) return EXIT.ok;
    const { timeout } = options;
    const left = timeout === undefined ? undefined : Math.max(1, timeout - (io.clock.now() - started));
    const ended = await untilRotated(context, session, left);
    await io.stderr.write(`Rotated: ${ended.kids.join(", ")} is the key of account ${namespace}.\n`);
    return EXIT.ok;
  });
}

async function askForNext(
  context: Context,
  session: Session,
  before: PublicKeys,
  options: KeysOptions,
): Promise<PublicKeys> {
  const { io, signal } = context;
  const annotations = { [KEY_ROTATION_REQUESTED_AT]: new Date(io.clock.now()).toISOString() };
  await session.namespaces.patch({ name: session.namespace }, { metadata: { annotations } }, {}, signal);
  const next = await until(context, session, options.timeout, (seen) =>
    seen.kids.some((kid) => !before.kids.includes(kid)) ? seen : undefined,
  );
  await io.stderr.write(
    next.kids.length > 1
      ? "The next key is published beside the present one. Give this key set to every cloud of the account (pulumi config set jwks …; pulumi up): the rotation ends when all accept it.\n"
      : "Every cloud of the account accepts the new key already; the one before is gone.\n",
  );
  return next;
}

function underWay({ io }: Context, { namespace }: Session): CliError {
  return new CliError(
    EXIT.refused,
    `the keys of account ${namespace} are being rotated already`,
    `Give both keys to its clouds (${io.program} keys show -n ${namespace}); the rotation ends by itself when all accept the new one. To wait for that, and see which do not: ${io.program} keys rotate --wait -n ${namespace}`,
  );
}

async function until(
  { io, signal }: Context,
  session: Session,
  ms: number = PATIENCE_MS,
  reached: (keys: PublicKeys) => PublicKeys | undefined,
): Promise<PublicKeys> {
  const look = async (inner: AbortSignal): Promise<PublicKeys> => {
    for (;;) {
      const seen = await publishedIn(session, inner);
      const found = seen && reached(seen);
      if (found !== undefined) return found;
      await io.clock.sleep(POLL_MS, inner);
    }
  };
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
