import type { JSX } from "preact";
import type { Activity, BatchRow, Told } from "../../views/wire.ts";
import { at, post } from "../state/api.ts";
import { route } from "../state/router.ts";
import { rights } from "../state/session.ts";
import { near, number, t } from "../texts/index.ts";
import { complain, say } from "./toasts.tsx";

/** "Check now", for those who may, where a cloud has told before: the first time it is asked by itself. */
export function CheckButton({ batch }: { batch: BatchRow }): JSX.Element | null {
  const { account } = route.value;
  const tells = batch.clouds.some(({ activity }) => activity !== undefined);
  if (account === undefined || !tells || rights.value?.change !== true) return null;
  const ask = (): void => {
    post(at(account, "batches", batch.name, "check")).then(() => say(t.activity.checkAsked), complain);
  };
  return (
    <button type="button" class="button button-small" onClick={ask}>
      {t.activity.check}
    </button>
  );
}

/** How a batch's devices stand in one cloud, with the first of those that are not as they were left there. */
export function CloudActivity({ activity }: { activity: Activity }): JSX.Element {
  const { active, asked, differences, differing, toldAt } = activity;
  return (
    <>
      <p class="cloud-words">
        <span>{t.activity.words(number(active), number(asked))}</span>
        {differing > 0 && <span class="bad">{t.activity.differing(differing)}</span>}
        <span>{t.activity.told(near(toldAt))}</span>
      </p>
      {differences.length > 0 && (
        <>
          <p class="hint">
            {t.activity.first}. {t.activity.repair}
          </p>
          <ul class="quarantined">
            {differences.map(({ device, what }) => (
              <li key={device}>
                <strong>{what}</strong>
                <span>
                  <code>{device}</code>
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

/** How the devices of all batches stand in a cloud. */
export function ToldWords({ told }: { told: Told }): JSX.Element {
  const { active, asked, differing, oldest } = told;
  return (
    <p class="cloud-words">
      <span>
        {t.activity.title}: {t.activity.counts(number(active), number(asked))}
      </span>
      {differing > 0 && <span class="bad">{t.activity.differing(differing)}</span>}
      <span>{t.activity.oldest(near(oldest))}</span>
    </p>
  );
}

/** The same among a page's counters. */
export function ToldCounter({ told }: { told: Told }): JSX.Element {
  const { active, asked, differing, oldest } = told;
  return (
    <div class={differing > 0 ? "counter counter-bad" : "counter"}>
      <dt>{t.activity.title}</dt>
      <dd>
        {number(active)}
        <small>
          {t.activity.counts(number(active), number(asked))}, {t.activity.oldest(near(oldest))}
        </small>
      </dd>
    </div>
  );
}
