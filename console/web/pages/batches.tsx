import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BatchPage as Page, Counters } from "../../views/wire.ts";
import { Empty, Failure, Skeleton } from "../parts/basics.tsx";
import { DeviceCounters } from "../parts/device-counters.tsx";
import { Icon } from "../parts/icons.tsx";
import { PageHeading } from "../parts/page-heading.tsx";
import { at } from "../state/api.ts";
import { useTitle } from "../state/arrival.ts";
import { useLive } from "../state/live.ts";
import { query, turnTo } from "../state/router.ts";
import { rights } from "../state/session.ts";
import { number, t } from "../texts/index.ts";
import { BatchTable } from "./batch-table.tsx";
import { BindDialog } from "./bind-dialog.tsx";
import { Filters } from "./filters.tsx";

const TYPING_MS = 200;

export function BatchesPage({ account }: { account: string }): JSX.Element {
  const asked = query.value.toString();
  const path = `${at(account, "batches")}${asked === "" ? "" : `?${asked}`}`;
  const { data, problem } = useLive<Page>(path);
  const [adding, setAdding] = useState(false);
  useTitle(t.batches.title, account);
  const add =
    rights.value?.bind === true ? (
      <button type="button" class="button button-main" onClick={() => setAdding(true)}>
        <Icon name="plus" />
        {t.batches.add}
      </button>
    ) : null;
  return (
    <>
      <div class="page-head">
        <PageHeading>{t.batches.title}</PageHeading>
        {add}
      </div>
      {problem !== undefined && <Failure error={problem} />}
      {problem === undefined && data === undefined && <Skeleton rows={10} />}
      {data !== undefined && (
        <>
          <CounterStrip counters={data.counters} />
          {data.counters.batches === 0 ? (
            <div class="card">
              <Empty icon="box" title={t.batches.empty} hint={t.batches.emptyHint}>
                {add}
              </Empty>
            </div>
          ) : (
            <section class="card card-flush" aria-label={t.batches.title}>
              <div class="bar-of-tools">
                <Search />
                <Filters facets={data.facets} states={data.counters.states} />
              </div>
              {data.total === 0 ? (
                <Empty icon="search" title={t.batches.nothing} hint={t.batches.nothingHint} />
              ) : (
                <BatchTable account={account} rows={data.rows} />
              )}
              <Pager page={data.page} size={data.size} total={data.total} />
            </section>
          )}
        </>
      )}
      {adding && <BindDialog account={account} onClose={() => setAdding(false)} />}
    </>
  );
}

function CounterStrip({ counters }: { counters: Counters }): JSX.Element {
  const { batches, states } = counters;
  const words = t.batches.counters;
  return (
    <dl class="counters">
      <div class="counter">
        <dt>{words.batches}</dt>
        <dd>{number(batches)}</dd>
      </div>
      <DeviceCounters counters={counters} />
      <div class={states.Attention > 0 ? "counter counter-bad" : "counter"}>
        <dt>{words.attention}</dt>
        <dd>{number(states.Attention)}</dd>
      </div>
    </dl>
  );
}

function Search(): JSX.Element {
  const asked = query.value.get("search") ?? "";
  const [typed, setTyped] = useState(asked);
  useEffect(() => {
    if (typed === asked) return undefined;
    const timer = setTimeout(() => turnTo({ search: typed }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <label class="search">
      <Icon name="search" />
      <span class="unseen">{t.batches.search}</span>
      <input
        type="search"
        class="input"
        placeholder={t.batches.search}
        value={typed}
        maxLength={128}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
      />
    </label>
  );
}

function Pager({ page, size, total }: { page: number; size: number; total: number }): JSX.Element {
  const pages = Math.max(1, Math.ceil(total / size));
  return (
    <footer class="pager">
      <span>{t.batches.total(total)}</span>
      {pages > 1 && (
        <span class="pager-turn">
          <button
            type="button"
            class="button button-small"
            aria-label={t.batches.previous}
            disabled={page <= 1}
            onClick={() => turnTo({ page: String(page - 1) })}
          >
            <Icon name="left" />
          </button>
          <span>{t.batches.page(page, pages)}</span>
          <button
            type="button"
            class="button button-small"
            aria-label={t.batches.next}
            disabled={page >= pages}
            onClick={() => turnTo({ page: String(page + 1) })}
          >
            <Icon name="right" />
          </button>
        </span>
      )}
    </footer>
  );
}
