import type { JSX } from "preact";
import { CheckButton, CloudActivity } from "../parts/activity.tsx";
import type { BatchDetail, CloudOfBatch, Failure } from "../../views/wire.ts";
import { Bar, Empty, cloudTone } from "../parts/basics.tsx";
import { date, near, number, pace, t } from "../texts/index.ts";

/** How far each cloud is, and the whole. */
export function BatchClouds({ batch }: { batch: BatchDetail }): JSX.Element {
  const { bound, clouds, failed, provisioned } = batch;
  return (
    <section class="card">
      <div class="card-head">
        <h2>{t.batch.devices}</h2>
        <CheckButton batch={batch} />
      </div>
      <p class="big-number">
        {number(provisioned)} <small>{t.batch.of(number(bound))}</small>
        {failed > 0 && <small class="bad">{t.batch.failedCount(failed)}</small>}
      </p>
      <Bar done={provisioned} failed={failed} all={bound} label={t.batches.progress(provisioned, bound)} />
      {clouds.length === 0 ? (
        <Empty icon="cloud" title={t.batch.noClouds} />
      ) : (
        <ul class="clouds-of-batch">
          {clouds.map((cloud) => (
            <Cloud key={cloud.name} cloud={cloud} bound={bound} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Cloud({ bound, cloud }: { bound: number; cloud: CloudOfBatch }): JSX.Element {
  const moving = cloud.state === "Provisioning" || cloud.state === "Deprovisioning";
  return (
    <li>
      <div class="cloud-line">
        <strong>{cloud.name}</strong>
        <span class={`pill pill-${cloudTone(cloud.state)}`}>{t.cloudState[cloud.state] ?? cloud.state}</span>
        <span class="cloud-count">
          {number(cloud.provisioned)} / {number(bound)}
        </span>
      </div>
      <Bar
        done={cloud.provisioned}
        failed={cloud.failed}
        all={bound}
        label={`${cloud.name}: ${t.batches.progress(cloud.provisioned, bound)}`}
      />
      <p class="cloud-words">
        {cloud.failed > 0 && <span class="bad">{t.batch.failedCount(cloud.failed)}</span>}
        {moving && cloud.perSecond !== undefined && <span>{t.batch.rate(pace(cloud.perSecond))}</span>}
        {moving && cloud.completesAt !== undefined && <span>{t.batch.eta(near(cloud.completesAt))}</span>}
        {cloud.limitedBy !== undefined && <span>{t.limitedBy[cloud.limitedBy] ?? cloud.limitedBy}</span>}
        {cloud.provisionedAt !== undefined && <span>{date(cloud.provisionedAt)}</span>}
        {cloud.deviceEndpoint !== undefined && (
          <span>
            {t.batch.endpoint} <code>{cloud.deviceEndpoint}</code>
          </span>
        )}
      </p>
      {cloud.activity !== undefined && <CloudActivity activity={cloud.activity} />}
      {cloud.message !== undefined && <p class="cloud-message">{cloud.message}</p>}
    </li>
  );
}

export function BatchFailures({ failures }: { failures: readonly Failure[] }): JSX.Element {
  return (
    <section class="card card-flush">
      <div class="card-inside">
        <h2>{t.batch.failures}</h2>
        <p class="hint">{t.batch.failuresHint}</p>
      </div>
      <div class="table-frame">
        <table class="table">
          <thead>
            <tr>
              {[t.batch.device, t.batch.cloud, t.batch.reason, t.batch.message].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {failures.map(({ cloud, device, message, reason }) => (
              <tr key={`${device}/${cloud}`}>
                <th scope="row" class="mono" data-label={t.batch.device}>
                  {device}
                </th>
                <td data-label={t.batch.cloud}>{cloud}</td>
                <td data-label={t.batch.reason}>{reason}</td>
                <td data-label={t.batch.message} class="wrap">
                  {message}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** What the vendor shipped: who issued the certificates, until when they hold, and which rows were refused. */
export function BatchReel({ batch }: { batch: BatchDetail }): JSX.Element {
  const { batchId, reel, reelHidden } = batch;
  return (
    <section class="card">
      <h2>{t.batch.reel}</h2>
      {reel === undefined ? (
        <p class="hint">{reelHidden === true ? t.batch.reelHidden : t.batch.reelMissing(batchId)}</p>
      ) : (
        <dl class="facts">
          <div>
            <dt>{t.batch.devices}</dt>
            <dd>{number(reel.devices ?? 0)}</dd>
          </div>
          <div>
            <dt>{t.batch.expiry}</dt>
            <dd>{date(reel.earliestExpiry)}</dd>
          </div>
          <div class="fact-long">
            <dt>{t.batch.issuers}</dt>
            <dd>
              {reel.issuers.map((issuer) => (
                <span key={issuer} class="issuer">
                  {issuer}
                </span>
              ))}
            </dd>
          </div>
          <div>
            <dt>{t.batch.quarantined}</dt>
            <dd class={reel.quarantined > 0 ? "bad" : undefined}>{number(reel.quarantined)}</dd>
          </div>
        </dl>
      )}
      {reel !== undefined && reel.firstQuarantined.length > 0 && (
        <>
          <p class="hint">{t.batch.quarantinedHint}</p>
          <ul class="quarantined">
            {reel.firstQuarantined.map(({ device, message, reason, row }) => (
              <li key={row}>
                <strong>
                  {t.batch.row} {number(row)} · {reason}
                </strong>
                <span>
                  {device !== undefined && <code>{device}</code>} {message}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
