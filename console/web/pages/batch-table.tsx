import type { JSX } from "preact";
import type { BatchRow } from "../../views/wire.ts";
import { Bar, CloudChip, StatePill } from "../parts/basics.tsx";
import { Icon } from "../parts/icons.tsx";
import { follow, query, turnTo } from "../state/router.ts";
import { date, near, number, pace, t } from "../texts/index.ts";

const SORTED = ["batchId", "bound", "provisioned", "boundAt", "provisionedAt"] as const;
type Column = keyof typeof t.batches.columns;
const COLUMNS: readonly Column[] = [
  "batchId",
  "status",
  "bound",
  "provisioned",
  "clouds",
  "boundAt",
  "provisionedAt",
  "addedBy",
  "addedFrom",
];
/** More would make the rows uneven; the batch's own page has them all. */
const CHIPS = 2;
const NUMBERS = new Set<Column>(["bound"]);

export function BatchTable({ account, rows }: { account: string; rows: readonly BatchRow[] }): JSX.Element {
  return (
    <div class="table-frame">
      <table class="table batches">
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <Head key={column} column={column} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.name} account={account} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head({ column }: { column: Column }): JSX.Element {
  const label = t.batches.columns[column];
  const sortable = SORTED.find((each) => each === column);
  const align = NUMBERS.has(column) ? "right" : undefined;
  if (sortable === undefined) return <th scope="col">{label}</th>;
  const sorted = query.value.get("sort") === sortable;
  const ascending = query.value.get("order") === "asc";
  const direction = sorted ? (ascending ? "ascending" : "descending") : "none";
  return (
    <th scope="col" class={align} aria-sort={direction}>
      <button
        type="button"
        class={sorted ? "sort sort-on" : "sort"}
        title={t.batches.sortBy(label)}
        onClick={() => turnTo({ sort: sortable, order: sorted && !ascending ? "asc" : "desc" })}
      >
        {label}
        <span class={ascending ? "sort-mark sort-up" : "sort-mark"}>
          <Icon name="down" />
        </span>
      </button>
    </th>
  );
}

function Row({ account, row }: { account: string; row: BatchRow }): JSX.Element {
  const { bound, clouds, failed, provisioned } = row;
  const words = t.batches.columns;
  return (
    <tr>
      <th scope="row">
        <a class="row-link" href={`/${account}/batches/${row.name}`} onClick={follow}>
          {row.batchId}
        </a>
        {row.name !== row.batchId.toLowerCase() && <small>{row.name}</small>}
      </th>
      <td data-label={words.status}>
        <StatePill state={row.state} />
        {(row.state === "Attention" || row.state === "Waiting") && row.reason !== undefined && (
          <small class="reason" title={row.message}>
            {row.reason}
          </small>
        )}
      </td>
      <td data-label={words.bound} class="right">
        {number(bound)}
      </td>
      <td data-label={words.provisioned} class="progress-cell">
        <span class="progress-line">
          <span>
            {number(provisioned)}
            {failed > 0 && <span class="bad"> · {t.batch.failedCount(failed)}</span>}
          </span>
          {row.perSecond !== undefined && row.completesAt !== undefined && row.state === "Provisioning" && (
            <small>{t.batches.pace(pace(row.perSecond), near(row.completesAt))}</small>
          )}
        </span>
        <Bar done={provisioned} failed={failed} all={bound} label={t.batches.progress(provisioned, bound)} />
      </td>
      <td data-label={words.clouds}>
        {clouds.length === 0 ? (
          <span class="muted">{t.batches.noClouds}</span>
        ) : (
          <span class="chips">
            {clouds.slice(0, CHIPS).map((cloud) => (
              <CloudChip key={cloud.name} cloud={cloud} />
            ))}
            {clouds.length > CHIPS && (
              <span class="more" title={clouds.map(({ name }) => name).join(", ")}>
                {t.batches.more(clouds.length - CHIPS)}
              </span>
            )}
          </span>
        )}
      </td>
      <td data-label={words.boundAt}>{date(row.boundAt)}</td>
      <td data-label={words.provisionedAt}>{date(row.provisionedAt)}</td>
      <td data-label={words.addedBy} class="clip" title={row.addedBy}>
        {row.addedBy ?? "–"}
      </td>
      <td data-label={words.addedFrom}>{row.addedFrom ?? "–"}</td>
    </tr>
  );
}
