import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BatchDetail, Timeline } from "../../views/wire.ts";
import { CopyButton, Empty, Failure, Skeleton, StatePill } from "../parts/basics.tsx";
import { Icon } from "../parts/icons.tsx";
import { complain, say } from "../parts/toasts.tsx";
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
  const [dialog, setDialog] = useState<"clouds" | "remove">();
  useEffect(() => {
    document.title = `${data?.batchId ?? name} · ${account} · ${t.product}`;
  }, [account, name, data?.batchId]);
  const back = (
    <a class="back" href={`/${account}/batches`} onClick={follow}>
      <Icon name="left" />
      {t.batch.back}
    </a>
  );
  if (problem?.status === 404) {
    return (
      <>
        {back}
        <div class="card">
          <Empty icon="box" title={t.batch.gone} hint={t.batch.goneHint} />
        </div>
      </>
    );
  }
  if (data === undefined) {
    return (
      <>
        {back}
        {problem === undefined ? <Skeleton rows={8} /> : <Failure error={problem} />}
      </>
    );
  }
  const provision = (): void => {
    post(at(account, "batches", name, "provision")).then(() => say(t.batch.provisionAsked), complain);
  };
  const leaving = data.state === "Leaving";
  return (
    <>
      {back}
      <div class="page-head">
        <h1>
          {data.batchId} <StatePill state={data.state} />
        </h1>
        <div class="actions">
          {rights.value?.manifest === true && data.boundAt !== undefined && (
            <ManifestButtons path={at(account, "batches", name, "manifest")} batchId={data.batchId} />
          )}
          {rights.value?.change === true && !leaving && (
            <>
              <button type="button" class="button" onClick={() => setDialog("clouds")}>
                <Icon name="cloud" />
                {t.batch.addCloud}
              </button>
              <button type="button" class="button" disabled={data.clouds.length === 0} onClick={provision}>
                <Icon name="again" />
                {t.batch.provision}
              </button>
            </>
          )}
          {rights.value?.remove === true && !leaving && (
            <button type="button" class="button button-danger" onClick={() => setDialog("remove")}>
              <Icon name="trash" />
              {t.batch.delete}
            </button>
          )}
        </div>
      </div>
      {data.message !== undefined && data.state !== "Provisioned" && (
        <p class={data.state === "Attention" ? "note note-bad" : "note"} role="status">
          <strong>{data.reason}</strong> {data.message}
        </p>
      )}
      <div class="columns">
        <div>
          <BatchClouds batch={data} />
          {data.failures.length > 0 && <BatchFailures failures={data.failures} />}
          <TimelineCard account={account} batch={data} />
          <AsCode batch={data} />
        </div>
        <aside>
          <Facts batch={data} />
          <BatchReel batch={data} />
          <QrCard batchId={data.batchId} account={account} />
        </aside>
      </div>
      {dialog === "clouds" && (
        <ChooseCloudsDialog account={account} batch={data} onClose={() => setDialog(undefined)} />
      )}
      {dialog === "remove" && (
        <RemoveDialog account={account} batch={data} onClose={() => setDialog(undefined)} />
      )}
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
