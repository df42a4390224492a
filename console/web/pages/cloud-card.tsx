import type { JSX } from "preact";
import type { CloudRow } from "../../views/wire.ts";
import { ToldWords } from "../parts/activity.tsx";
import { Icon } from "../parts/icons.tsx";
import { complain } from "../parts/toasts.tsx";
import { at, post } from "../state/api.ts";
import { t } from "../texts/index.ts";

const TONES = { True: "good", False: "bad", Unknown: "busy" } as const;

export interface CloudCardProps {
  readonly account: string;
  readonly cloud: CloudRow;
  readonly mayEdit: boolean;
  readonly onEdit: () => void;
  readonly onRemove: () => void;
}

export function CloudCard({ account, cloud, mayEdit, onEdit, onRemove }: CloudCardProps): JSX.Element {
  const { displayName, name, suspended } = cloud;
  const suspend = (): void => {
    post(at(account, "clouds", name, "suspend"), { suspend: !suspended }).catch(complain);
  };
  return (
    <li class="card cloud-card">
      <div class="card-head">
        <span class={`cloud-mark cloud-mark-${cloud.type.toLowerCase()}`} aria-hidden="true">
          <Icon name="cloud" />
        </span>
        <div class="cloud-title">
          <h3>{displayName}</h3>
          <small>
            {cloud.type} · <code>{name}</code>
          </small>
        </div>
        {cloud.default && <span class="chip chip-default">{t.provisioning.isDefault}</span>}
      </div>
      <p class="cloud-state">
        {suspended ? (
          <span class="pill pill-wait">{t.provisioning.suspended}</span>
        ) : (
          <span class={`pill pill-${TONES[cloud.ready]}`}>{t.provisioning.ready[cloud.ready]}</span>
        )}
        <span class="muted">{t.provisioning.devices(cloud.devices)}</span>
      </p>
      {cloud.told !== undefined && <ToldWords told={cloud.told} />}
      {cloud.endpoint !== undefined && (
        <p class="mono clip muted" title={cloud.endpoint}>
          {cloud.endpoint}
        </p>
      )}
      {cloud.ready === "False" && cloud.message !== undefined && !suspended && (
        <p class="note note-bad">
          <strong>{cloud.reason}</strong> {cloud.message}
        </p>
      )}
      {mayEdit && !cloud.leaving && (
        <div class="card-foot" role="group" aria-label={t.provisioning.actions(displayName)}>
          <button type="button" class="button button-small" onClick={onEdit}>
            <Icon name="pen" />
            {t.provisioning.edit}
          </button>
          <button type="button" class="button button-small" onClick={suspend}>
            <Icon name={suspended ? "right" : "pause"} />
            {suspended ? t.provisioning.resume : t.provisioning.suspend}
          </button>
          <button type="button" class="button button-small button-danger" onClick={onRemove}>
            <Icon name="trash" />
            {t.provisioning.delete}
          </button>
        </div>
      )}
    </li>
  );
}
