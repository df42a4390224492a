import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { CloudRow, Provisioning } from "../../views/wire.ts";
import { Empty, Failure, Skeleton } from "../parts/basics.tsx";
import { DeviceCounters } from "../parts/device-counters.tsx";
import { Icon } from "../parts/icons.tsx";
import { PageHeading } from "../parts/page-heading.tsx";
import { complain } from "../parts/toasts.tsx";
import { at, post } from "../state/api.ts";
import { useTitle } from "../state/arrival.ts";
import { useLive } from "../state/live.ts";
import { rights } from "../state/session.ts";
import { t } from "../texts/index.ts";
import { CloudCard } from "./cloud-card.tsx";
import { CloudDialog } from "./cloud-dialog.tsx";
import { RemoveCloudDialog } from "./remove-cloud.tsx";

type Open = { kind: "create" } | { kind: "edit" | "remove"; cloud: CloudRow };

export function ProvisioningPage({ account }: { account: string }): JSX.Element {
  const { data, problem } = useLive<Provisioning>(at(account, "provisioning"));
  const [open, setOpen] = useState<Open>();
  useTitle(t.provisioning.title, account);
  const close = (): void => setOpen(undefined);
  const mayEdit = rights.value?.editClouds === true;
  const add = mayEdit && (
    <button type="button" class="button button-main" onClick={() => setOpen({ kind: "create" })}>
      <Icon name="plus" />
      {t.provisioning.add}
    </button>
  );
  return (
    <>
      <div class="page-head">
        <div>
          <PageHeading>{t.provisioning.title}</PageHeading>
          <p class="lead">{t.provisioning.lead}</p>
        </div>
        {add}
      </div>
      {problem !== undefined && <Failure error={problem} />}
      {problem === undefined && data === undefined && <Skeleton rows={6} />}
      {data !== undefined && (
        <>
          <Totals data={data} />
          <Switch account={account} data={data} mayEdit={mayEdit} />
          <h2 class="section-title">{t.provisioning.clouds}</h2>
          {data.clouds.length === 0 ? (
            <div class="card">
              <Empty icon="cloud" title={t.provisioning.empty} hint={t.provisioning.emptyHint}>
                {add}
              </Empty>
            </div>
          ) : (
            <ul class="cloud-cards">
              {data.clouds.map((cloud) => (
                <CloudCard
                  key={cloud.name}
                  account={account}
                  cloud={cloud}
                  mayEdit={mayEdit}
                  onEdit={() => setOpen({ kind: "edit", cloud })}
                  onRemove={() => setOpen({ kind: "remove", cloud })}
                />
              ))}
            </ul>
          )}
        </>
      )}
      {open?.kind === "create" && <CloudDialog account={account} onClose={close} />}
      {open?.kind === "edit" && <CloudDialog account={account} cloud={open.cloud} onClose={close} />}
      {open?.kind === "remove" && <RemoveCloudDialog account={account} cloud={open.cloud} onClose={close} />}
    </>
  );
}

function Totals({ data: { counters } }: { data: Provisioning }): JSX.Element {
  return (
    <dl class="counters">
      <DeviceCounters counters={counters} />
    </dl>
  );
}

/** "When devices are bound, automatically provision to product cloud": on is a default, off is none. */
function Switch(props: { account: string; data: Provisioning; mayEdit: boolean }): JSX.Element {
  const { account, data, mayEdit } = props;
  const candidates = data.clouds.filter(({ leaving }) => !leaving);
  const [busy, setBusy] = useState(false);
  const [first] = candidates;
  const on = data.automatic !== undefined;
  const current = candidates.find(({ name }) => name === data.automatic);
  const set = (cloudApi: string | null): void => {
    setBusy(true);
    post(at(account, "clouds", "automatic"), { cloudApi })
      .catch(complain)
      .finally(() => setBusy(false));
  };
  return (
    <section class="card switch-card">
      <label class="switch-line">
        <input
          type="checkbox"
          role="switch"
          class="switch"
          checked={on}
          disabled={!mayEdit || busy || first === undefined}
          onChange={() => set(on || first === undefined ? null : first.name)}
        />
        <span>
          <strong>{t.provisioning.automatic}</strong>
          <small>
            {data.ambiguous
              ? t.provisioning.ambiguous
              : current === undefined
                ? first === undefined
                  ? t.provisioning.noClouds
                  : t.provisioning.automaticOff
                : t.provisioning.automaticOn(current.displayName)}
          </small>
        </span>
      </label>
      {(on || data.ambiguous) && (
        <label class="switch-default">
          <span>{t.provisioning.defaultCloud}</span>
          <select
            class="select"
            value={data.automatic ?? ""}
            disabled={!mayEdit || busy}
            onChange={({ currentTarget }) => set(currentTarget.value)}
          >
            {data.ambiguous && <option value="">–</option>}
            {candidates.map(({ displayName, name }) => (
              <option key={name} value={name}>
                {displayName}
              </option>
            ))}
          </select>
        </label>
      )}
    </section>
  );
}
