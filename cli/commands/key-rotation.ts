import { notYetAccepting, publishedIn, type PublicKeys } from "../cluster/published-keys.ts";
import type { Session } from "../cluster/session.ts";
import type { Context } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { patiently } from "./patiently.ts";

const POLL_MS = 1_000;

/**
 * Waits until an account has one key again, and says meanwhile through which clouds the next one is not accepted.
 * @param timeout milliseconds; no end unless given
 * @throws CliError when the time is over; ApiError; Interrupted, after saying that the rotation goes on
 */
export async function untilRotated(
  context: Context,
  session: Session,
  timeout: number | undefined,
): Promise<PublicKeys> {
  const { io } = context;
  const { namespace } = session;
  const again = `To wait again: ${io.program} keys rotate --wait -n ${namespace}`;
  let told: string | undefined;
  const look = async (signal: AbortSignal): Promise<PublicKeys> => {
    for (;;) {
      const seen = await publishedIn(session, signal);
      if (seen?.kids.length === 1) return seen;
      const clouds = (await mayBeKnown(session, signal))?.join(", ");
      if (clouds !== undefined && clouds !== "" && clouds !== told) {
        await io.stderr.write(`The next key is not yet accepted through ${clouds}.\n`);
        told = clouds;
      }
      await io.clock.sleep(POLL_MS, signal);
    }
  };
  const late = (seconds: number): CliError =>
    new CliError(
      EXIT.timeout,
      `the keys of account ${namespace} were not rotated within ${seconds} seconds${told === undefined ? "" : `: the next one is not yet accepted through ${told}`}`,
      `The rotation goes on, and ends by itself when all have the key set: ${io.program} keys show -n ${namespace}\n${again}`,
    );
  const goesOn = `The rotation goes on in the cluster. ${again}`;
  return await patiently(context, { timeout, late, goesOn }, look);
}

/** Who may rotate keys need not see the clouds: the rotation is waited for all the same. */
async function mayBeKnown(session: Session, signal: AbortSignal): Promise<string[] | undefined> {
  try {
    return await notYetAccepting(session, signal);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
