import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { BatchDetail } from "../../views/wire.ts";
import { Bar, StatePill } from "../parts/basics.tsx";
import { at } from "../state/api.ts";
import { useAsked } from "../state/asked.ts";
import { FINAL, useLive } from "../state/live.ts";
import { number, t } from "../texts/index.ts";
import { forget, isKept, isTheirs } from "./queue.ts";
import type { Wanted } from "./queue.ts";
import { lastSeen, see } from "./seen.ts";
import type { Seen } from "./seen.ts";

interface ReelCardProps {
  readonly entry: Wanted;
  /** Whether its counters move at once. */
  readonly follow: boolean;
  readonly person: string;
}

/** A reel that was added here, and how far it is. */
export function ReelCard({ entry, follow, person }: ReelCardProps): JSX.Element {
  const { account, batchId, by, name, request, state, why } = entry;
  const theirs = isTheirs(entry, person);
  const path = theirs && name !== undefined ? at(account, "batches", name) : undefined;
  const live = useLive<BatchDetail>(follow ? path : undefined);
  const asked = useAsked<BatchDetail>(follow ? undefined : path, isSettled);
  const { data: told, problem } = follow ? live : asked;
  useEffect(() => {
    if (told !== undefined) see(request, told);
  }, [told]);
  const over = problem?.isConsoles === true && FINAL.has(problem.status);
  const data = told ?? (theirs && !over ? lastSeen(request) : undefined);
  return (
    <li class="reel">
      <div class="reel-head">
        <strong>{batchId}</strong>
        {data === undefined ? <Fate state={state} /> : <StatePill state={data.state} />}
      </div>
      {state === "queued" && (
        <p>
          {by !== person ? t.phone.notYours(by) : isKept(entry) ? t.phone.queuedHint : t.phone.unkeptHint}
        </p>
      )}
      {state === "refused" && <p class="wrong">{why}</p>}
      {problem !== undefined && <p class="wrong">{problem.message}</p>}
      {data !== undefined && <Counts batch={data} />}
      {state === "refused" && (
        <button type="button" class="button button-small" onClick={() => forget(request)}>
          {t.phone.forget}
        </button>
      )}
    </li>
  );
}

function isSettled({ state }: BatchDetail): boolean {
  return state === "Provisioned" || state === "BoundOnly";
}

function Fate({ state }: { state: Wanted["state"] }): JSX.Element {
  if (state === "queued") return <span class="pill pill-wait">{t.phone.queued}</span>;
  if (state === "refused") return <span class="pill pill-bad">{t.phone.refused}</span>;
  return <span class="pill pill-calm">{t.phone.sent}</span>;
}

function Counts({ batch }: { batch: Seen }): JSX.Element {
  const { bound, failed, message, provisioned, state } = batch;
  return (
    <>
      <p class="reel-counts">
        <span>
          <b>{number(bound)}</b>
          {t.phone.bound}
        </span>
        <span>
          <b>{number(provisioned)}</b>
          {t.phone.provisioned}
        </span>
      </p>
      <Bar done={provisioned} failed={failed} all={bound} label={t.batches.progress(provisioned, bound)} />
      {state === "Attention" && <p class="wrong">{message}</p>}
      {state === "Waiting" && message !== undefined && <p>{message}</p>}
    </>
  );
}
