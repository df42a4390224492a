import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { CloudRow } from "../../views/wire.ts";
import { Dialog } from "../parts/basics.tsx";
import { Field } from "../parts/field.tsx";
import { goOnAtHeading } from "../parts/page-heading.tsx";
import { say } from "../parts/toasts.tsx";
import { useAction } from "../state/action.ts";
import { at, post } from "../state/api.ts";
import { t } from "../texts/index.ts";

export function RemoveCloudDialog(props: {
  account: string;
  cloud: CloudRow;
  onClose: () => void;
}): JSX.Element {
  const { account, cloud, onClose } = props;
  const [typed, setTyped] = useState("");
  const { busy, error, run } = useAction();
  const remove = async (): Promise<void> => {
    await post(at(account, "clouds", cloud.name, "delete"), { confirm: typed });
    say(t.cloud.removed(cloud.displayName));
    onClose();
    goOnAtHeading();
  };
  return (
    <Dialog title={t.cloud.removeTitle(cloud.displayName)} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(remove);
        }}
      >
        <p>{t.cloud.removeLead}</p>
        <Field
          label={t.cloud.removeConfirm(cloud.name)}
          value={typed}
          onInput={setTyped}
          mono
          error={error}
        />
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            {t.cancel}
          </button>
          <button type="submit" class="button button-danger-main" disabled={busy || typed !== cloud.name}>
            {t.cloud.removeSubmit}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
