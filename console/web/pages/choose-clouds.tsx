import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BatchDetail, CloudRow } from "../../views/wire.ts";
import { Dialog, Failure, Skeleton } from "../parts/basics.tsx";
import { Checks } from "../parts/field.tsx";
import { useAction } from "../state/action.ts";
import { at, call, post } from "../state/api.ts";
import { t } from "../texts/index.ts";

/** Which clouds a batch goes to: adds some, takes others away. */
export function ChooseCloudsDialog(props: {
  account: string;
  batch: BatchDetail;
  onClose: () => void;
}): JSX.Element {
  const { account, batch, onClose } = props;
  const declared = batch.declaredClouds;
  const [clouds, setClouds] = useState<readonly CloudRow[]>();
  const [problem, setProblem] = useState<unknown>();
  const [chosen, setChosen] = useState<readonly string[]>(declared);
  const { busy, error, run } = useAction();
  useEffect(() => {
    call<CloudRow[]>(at(account, "clouds")).then(setClouds, setProblem);
  }, [account]);
  const add = chosen.filter((name) => !declared.includes(name));
  const remove = declared.filter((name) => !chosen.includes(name));
  const apply = async (): Promise<void> => {
    await post(at(account, "batches", batch.name, "clouds"), { add, remove });
    onClose();
  };
  return (
    <Dialog title={t.chooseClouds.title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(apply);
        }}
      >
        {problem !== undefined && <Failure error={problem} />}
        {clouds === undefined && problem === undefined && <Skeleton rows={3} />}
        {clouds?.length === 0 && <p>{t.chooseClouds.nothing}</p>}
        {clouds !== undefined && clouds.length > 0 && (
          <Checks
            legend={t.chooseClouds.lead}
            values={chosen}
            onChange={setChosen}
            options={clouds.map(({ displayName, name, type }) => ({
              value: name,
              label: displayName,
              hint: `${type} · ${name}`,
            }))}
          />
        )}
        {remove.length > 0 && (
          <p class="note">{t.chooseClouds.leave(t.batch.policies[batch.deletionPolicy] ?? "")}</p>
        )}
        {error !== undefined && (
          <p class="wrong" role="alert">
            {error}
          </p>
        )}
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            {t.cancel}
          </button>
          <button
            type="submit"
            class="button button-main"
            disabled={busy || (add.length === 0 && remove.length === 0)}
          >
            {t.chooseClouds.apply}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
