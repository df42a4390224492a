import type { JSX } from "preact";
import type { BatchPage, BatchState } from "../../views/wire.ts";
import { Icon } from "../parts/icons.tsx";
import { query, turnTo } from "../state/router.ts";
import { number, t } from "../texts/index.ts";

type FilterName = keyof typeof t.batches.filter;
const NAMES = ["state", "cloud", "from", "by"] as const satisfies readonly FilterName[];

interface FiltersProps {
  readonly facets: BatchPage["facets"];
  readonly states: Readonly<Record<BatchState, number>>;
}

/** What can be filtered by, and as chips what is. */
export function Filters({ facets, states }: FiltersProps): JSX.Element {
  const chosen = NAMES.flatMap((name) => {
    const value = query.value.get(name);
    return value === null ? [] : [{ name, value }];
  });
  const choices: Record<FilterName, readonly { value: string; label: string }[]> = {
    state: (Object.entries(states) as [BatchState, number][])
      .filter(([, count]) => count > 0)
      .map(([value, count]) => ({ value, label: `${t.state[value]} (${number(count)})` })),
    cloud: facets.clouds.map(plain),
    from: facets.from.map(plain),
    by: facets.by.map(plain),
  };
  return (
    <div class="filters">
      {NAMES.filter((name) => !chosen.some((each) => each.name === name) && choices[name].length > 0).map(
        (name) => (
          <select
            key={name}
            class="select select-ghost"
            aria-label={t.batches.filter[name]}
            value=""
            onChange={({ currentTarget }) => turnTo({ [name]: currentTarget.value })}
          >
            <option value="">{t.batches.filter[name]}</option>
            {choices[name].map(({ label, value }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        ),
      )}
      {chosen.map(({ name, value }) => {
        const [label, shown] = [t.batches.filter[name], wordOf(name, value)];
        return (
          <button
            key={name}
            type="button"
            class="chip chip-filter"
            aria-label={t.batches.removeFilter(label, shown)}
            onClick={() => turnTo({ [name]: undefined })}
          >
            <span class="chip-name">{label}</span> {shown}
            <Icon name="cross" />
          </button>
        );
      })}
      {chosen.length > 1 && (
        <button
          type="button"
          class="button button-bare button-small"
          onClick={() => turnTo(Object.fromEntries(NAMES.map((name) => [name, undefined])))}
        >
          {t.batches.clear}
        </button>
      )}
    </div>
  );
}

function plain(value: string): { value: string; label: string } {
  return { value, label: value };
}

function wordOf(name: FilterName, value: string): string {
  return name === "state" && value in t.state ? t.state[value as BatchState] : value;
}
