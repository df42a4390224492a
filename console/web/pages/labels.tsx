import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Empty } from "../parts/basics.tsx";
import { TextArea } from "../parts/field.tsx";
import { PageHeading } from "../parts/page-heading.tsx";
import { BATCH_ID } from "../../../desk/batch-id.ts";
import { useTitle } from "../state/arrival.ts";
import { query } from "../state/router.ts";
import { t } from "../texts/index.ts";

const MAX_LABELS = 300;

/** A sheet of labels, to be printed: the page's own print style leaves everything else out. */
export function LabelsPage(): JSX.Element {
  const [typed, setTyped] = useState(query.value.getAll("id").join("\n"));
  useTitle(t.labels.title);
  const ids = [...new Set(typed.split(/[\s,;]+/u).filter(Boolean))].slice(0, MAX_LABELS);
  const wrong = ids.find((id) => !BATCH_ID.test(id));
  const good = ids.filter((id) => BATCH_ID.test(id));
  return (
    <>
      <div class="page-head no-print">
        <div>
          <PageHeading>{t.labels.title}</PageHeading>
          <p class="lead">{t.labels.lead}</p>
        </div>
        <button type="button" class="button button-main" disabled={good.length === 0} onClick={() => print()}>
          {t.labels.print}
        </button>
      </div>
      <div class="labels-page">
        <div class="card no-print">
          <TextArea
            label={t.labels.ids}
            hint={t.labels.idsHint}
            error={wrong === undefined ? undefined : t.labels.wrong(wrong)}
            rows={8}
            value={typed}
            onInput={setTyped}
          />
        </div>
        <section class="card sheet-card" aria-label={t.labels.title}>
          {good.length === 0 ? (
            <Empty icon="qr" title={t.labels.empty} />
          ) : (
            <ul class="sheet">
              {good.map((id) => (
                <li key={id} class="label">
                  <img
                    src={`/api/qr/${encodeURIComponent(id)}.svg`}
                    alt={t.labels.alt(id)}
                    width={132}
                    height={132}
                  />
                  <strong>{id}</strong>
                </li>
              ))}
            </ul>
          )}
        </section>
      </div>
    </>
  );
}
