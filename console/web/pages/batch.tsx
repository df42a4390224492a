import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BatchDetail, Timeline } from "../../views/wire.ts";
import { CopyButton, Empty, Failure, Skeleton, StatePill } from "../parts/basics.tsx";
import { Icon } from "../parts/icons.tsx";
import { PageHeading } from "../parts/page-heading.tsx";
import { complain, say } from "../parts/toasts.tsx";
import { useTitle } from "../state/arrival.ts";
import { at, call, post } from "../state/api.ts";
import { useLive } from "../state/live.ts";
import { follow } from "../state/router.ts";
import { rights } from "../state/session.ts";
import { date, t } from "../texts/index.ts";
import { BatchClouds, BatchFailures, BatchReel } from "./batch-parts.tsx";
import { ManifestButtons } from "./manifest-buttons.tsx";
import { ChooseCloudsDialog } from "./choose-clouds.tsx";
import { RemoveDialog } from "./remove-dialog.tsx";

export function BatchPage({ account, name }: { account: string; name: string }): JSX.Element {
  const { data, problem } = useLive<BatchDetail>(at(account, "batches", name));
  const [dialog, setDialog] = useState<DialogName>();
  useTitle(data?.batchId ?? name, account);
  return (
    <>
      <a class="back" href={`/${account}/batches`} onClick={follow}>
        <Icon name="left" />
        {t.batch.back}
      </a>
      <div class="page-head">
        <PageHeading>
          {data?.batchId ?? name} {data !== undefined && <StatePill state={data.state} />}
        </PageHeading>
        {data !== undefined && <Actions account={account} batch={data} open={setDialog} />}
      </div>
      {data !== undefined && <Content account={account} batch={data} />}
      {data === undefined && problem === undefined && <Skeleton rows={8} />}
      {problem?.status === 404 && (
        <div class="card">
          <Empty icon="box" title={t.batch.gone} hint={t.batch.goneHint} />
        </div>
      )}
      {problem !== undefined && problem.status !== 404 && <Failure error={problem} />}
      {data !== undefined && dialog === "clouds" && (
        <ChooseCloudsDialog account={account} batch={data} onClose={() => setDialog(undefined)} />
      )}
      {data !== undefined && dialog === "remove" && (
        <RemoveDialog account={account} batch={data} onClose={() => setDialog(undefined)} />
      )}
    </>
  );
}

type DialogName = "clouds" | "remove";

interface PartProps {
  readonly account: string;
  readonly batch: BatchDetail;
}

function Actions({ account, batch, open }: PartProps & { open: (dialog: DialogName) => void }): JSX.Element {
  const path = (action: string): string => at(account, "batches", batch.name, action);
  const provision = (): void => {
    post(path("provision")).then(() => say(t.batch.provisionAsked), complain);
  };
  const leaving = batch.state === "Leaving";
  return (
    <div class="actions">
      {rights.value?.manifest === true && batch.boundAt !== undefined && (
        <ManifestButtons path={path("manifest")} batchId={batch.batchId} />
      )}
      {rights.value?.change === true && !leaving && (
        <>
          <button type="button" class="button" onClick={() => open("clouds")}>
            <Icon name="cloud" />
            {t.batch.addCloud}
          </button>
          <button type="button" class="button" disabled={batch.clouds.length === 0} onClick={provision}>
            <Icon name="again" />
            {t.batch.provision}
          </button>
        </>
      )}
      {rights.value?.remove === true && !leaving && (
        <button type="button" class="button button-danger" onClick={() => open("remove")}>
          <Icon name="trash" />
          {t.batch.delete}
        </button>
      )}
    </div>
  );
}

function Content({ account, batch }: PartProps): JSX.Element {
  return (
    <>
      {batch.message !== undefined && batch.state !== "Provisioned" && (
        <p class={batch.state === "Attention" ? "note note-bad" : "note"} role="status">
          <strong>{batch.reason}</strong> {batch.message}
        </p>
      )}
      <div class="columns">
        <div>
          <BatchClouds batch={batch} />
          {batch.failures.length > 0 && <BatchFailures failures={batch.failures} />}
          <TimelineCard account={account} batch={batch} />
          <AsCode batch={batch} />
        </div>
        <aside>
          <Facts batch={batch} />
          <BatchReel batch={batch} />
          <QrCard batchId={batch.batchId} account={account} />
        </aside>
      </div>
    </>
  );
}

function Facts({ batch }: { batch: BatchDetail }): JSX.Element {
  const facts: readonly (readonly [string, string | undefined])[] = [
    [t.batch.added, date(batch.createdAt)],
    [t.batches.columns.addedBy, batch.addedBy],
    [t.batches.columns.addedFrom, batch.addedFrom],
    [t.batch.bound, date(batch.boundAt)],
    [t.batch.provisioned, date(batch.provisionedAt)],
    [t.batch.slot, batch.certificateSlot],
    [t.batch.policy, t.batch.policies[batch.deletionPolicy]],
  ];
  return (
    <section class="card">
      <h2>{t.batch.facts}</h2>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value ?? "–"}</dd>
          </div>
        ))}
        {batch.manifestSha256 !== undefined && (
          <div>
            <dt>{t.batch.digest}</dt>
            <dd class="mono clip" title={batch.manifestSha256}>
              {batch.manifestSha256}
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}

/** Read anew when the batch has changed. */
function TimelineCard({ account, batch }: { account: string; batch: BatchDetail }): JSX.Element {
  const [timeline, setTimeline] = useState<Timeline>();
  const version = `${batch.state}/${batch.reason ?? ""}/${batch.clouds.map(({ state }) => state).join(" ")}`;
  useEffect(() => {
    const stop = new AbortController();
    call<Timeline>(at(account, "batches", batch.name, "timeline"), { signal: stop.signal }).then(
      setTimeline,
      () => undefined,
    );
    return () => stop.abort();
  }, [account, batch.name, version]);
  return (
    <section class="card">
      <h2>{t.batch.timeline}</h2>
      {timeline === undefined && <Skeleton rows={3} />}
      {timeline?.events === false && <p class="hint">{t.batch.timelineNoEvents}</p>}
      <ol class="timeline">
        {timeline?.entries.map(({ at, count, kind, message, reason }) => (
          <li key={`${at}${reason}${message}`} class={kind === "Warning" ? "entry entry-bad" : "entry"}>
            <time dateTime={at}>{date(at)}</time>
            <p>
              <strong>{t.batch.entries[reason] ?? reason}</strong> {message}
              {count > 1 && <span class="muted"> ({t.batch.times(count)})</span>}
            </p>
          </li>
        ))}
      </ol>
    </section>
  );
}

function AsCode({ batch }: { batch: BatchDetail }): JSX.Element {
  return (
    <section class="card">
      <div class="card-head">
        <h2>{t.batch.asYaml}</h2>
        <CopyButton text={batch.yaml} />
      </div>
      <pre class="code" tabIndex={0} aria-label={t.batch.asYaml}>
        {batch.yaml}
      </pre>
      <div class="card-head">
        <h2>{t.batch.kubectl}</h2>
        <CopyButton text={batch.kubectl} />
      </div>
      <pre class="code" tabIndex={0} aria-label={t.batch.kubectl}>
        {batch.kubectl}
      </pre>
    </section>
  );
}

function QrCard({ account, batchId }: { account: string; batchId: string }): JSX.Element {
  const file = (kind: string): string => `/api/qr/${batchId}.${kind}`;
  return (
    <section class="card qr-card">
      <h2>{t.batch.qr}</h2>
      <p class="hint">{t.batch.qrHint}</p>
      <img src={file("svg")} alt={t.labels.alt(batchId)} width={148} height={148} />
      <p class="links">
        <a href={file("png")} download={`${batchId}.png`}>
          {t.batch.png}
        </a>
        <a href={file("svg")} download={`${batchId}.svg`}>
          {t.batch.svg}
        </a>
        <a href={`/${account}/labels?id=${batchId}`} onClick={follow}>
          {t.batch.print}
        </a>
      </p>
    </section>
  );
}
