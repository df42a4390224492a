import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { BatchDetail } from "../../views/wire.ts";
import { Dialog } from "../parts/basics.tsx";
import { Choice, Field } from "../parts/field.tsx";
import { goOnAtHeading } from "../parts/page-heading.tsx";
import { say } from "../parts/toasts.tsx";
import { useAction } from "../state/action.ts";
import { at, post } from "../state/api.ts";
import { t } from "../texts/index.ts";

type Policy = "Retain" | "Deprovision";

/** Deletes a batch once its name was typed, and says before what becomes of the devices. */
export function RemoveDialog(props: {
  account: string;
  batch: BatchDetail;
  onClose: () => void;
}): JSX.Element {
  const { account, batch, onClose } = props;
  const [policy, setPolicy] = useState<Policy>(
    batch.deletionPolicy === "Deprovision" ? "Deprovision" : "Retain",
  );
  const [typed, setTyped] = useState("");
  const { busy, error, run } = useAction();
  const remove = async (): Promise<void> => {
    await post(at(account, "batches", batch.name, "delete"), { confirm: typed, deletionPolicy: policy });
    say(t.remove.done(batch.name));
    onClose();
    goOnAtHeading();
  };
  return (
    <Dialog title={t.remove.title(batch.name)} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(remove);
        }}
      >
        <p>{t.remove.reelStays}</p>
        <Choice<Policy>
          legend={t.batch.policy}
          name="policy"
          value={policy}
          onChange={setPolicy}
          options={[
            { value: "Retain", label: t.remove.retain, hint: t.remove.retainHint },
            { value: "Deprovision", label: t.remove.deprovision, hint: t.remove.deprovisionHint },
          ]}
        />
        <Field label={t.remove.confirm(batch.name)} value={typed} onInput={setTyped} mono error={error} />
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            {t.cancel}
          </button>
          <button type="submit" class="button button-danger-main" disabled={busy || typed !== batch.name}>
            {t.remove.submit}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
