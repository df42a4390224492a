import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Bound } from "../../actions/bind.ts";
import type { CloudRow } from "../../views/wire.ts";
import { Dialog } from "../parts/basics.tsx";
import { Checks, Choice, Field } from "../parts/field.tsx";
import { useAction } from "../state/action.ts";
import { at, call, post } from "../state/api.ts";
import { go } from "../state/router.ts";
import { rights } from "../state/session.ts";
import { t } from "../texts/index.ts";
import { BATCH_ID } from "../../../desk/batch-id.ts";

type Target = "automatic" | "choose" | "none";

/** "Add devices": binds a reel to the account, and says where its devices go. */
export function BindDialog({ account, onClose }: { account: string; onClose: () => void }): JSX.Element {
  const [batchId, setBatchId] = useState("");
  const [target, setTarget] = useState<Target>("automatic");
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [clouds, setClouds] = useState<readonly CloudRow[]>([]);
  const { busy, clear, error, run } = useAction();
  // One for the dialog: pressing Add again after a lost answer is the same request.
  const request = useRef(crypto.randomUUID());
  useEffect(() => {
    call<CloudRow[]>(at(account, "clouds")).then(setClouds, () => undefined);
  }, [account]);
  const id = batchId.trim();
  const wrong = id !== "" && !BATCH_ID.test(id) ? t.bind.batchIdWrong : undefined;
  const ready = id !== "" && wrong === undefined && (target !== "choose" || chosen.length > 0);
  const add = async (): Promise<void> => {
    const { name } = await post<Bound>(at(account, "batches"), {
      batchId: id,
      from: "Desktop",
      request: request.current,
      clouds: target === "choose" ? chosen : target,
    });
    onClose();
    // Nothing else is said of it: whether the reel is bound, its page tells.
    go(`/${account}/batches/${name}`);
  };
  return (
    <Dialog title={t.bind.title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy) run(add);
        }}
      >
        <p class="lead">{t.bind.lead}</p>
        <Field
          label={t.bind.batchId}
          hint={t.bind.batchIdHint}
          error={wrong ?? error}
          value={batchId}
          onInput={(value) => {
            setBatchId(value);
            clear();
            request.current = crypto.randomUUID();
          }}
          mono
          large
          autoFocus
          required
          capitals
        />
        {rights.value?.useClouds === true && (
          <TargetChoice
            clouds={clouds}
            target={target}
            onTarget={setTarget}
            chosen={chosen}
            onChosen={setChosen}
          />
        )}
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            {t.cancel}
          </button>
          <button type="submit" class="button button-main" disabled={!ready || busy}>
            {busy ? t.bind.adding : t.bind.submit}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

interface TargetProps {
  readonly clouds: readonly CloudRow[];
  readonly target: Target;
  readonly onTarget: (target: Target) => void;
  readonly chosen: readonly string[];
  readonly onChosen: (names: readonly string[]) => void;
}

function TargetChoice({ chosen, clouds, onChosen, onTarget, target }: TargetProps): JSX.Element {
  const standard = clouds.filter((cloud) => cloud.default && !cloud.leaving);
  const [only] = standard;
  const automatic = standard.length === 1 && only !== undefined ? only.displayName : undefined;
  return (
    <>
      <Choice<Target>
        legend={t.bind.target}
        name="target"
        value={target}
        onChange={onTarget}
        options={[
          automatic === undefined
            ? { value: "automatic", label: t.bind.automaticOff, hint: t.bind.automaticOffHint }
            : { value: "automatic", label: t.bind.automatic(automatic) },
          ...(clouds.length === 0 ? [] : [{ value: "choose" as const, label: t.bind.choose }]),
          ...(automatic === undefined ? [] : [{ value: "none" as const, label: t.bind.none }]),
        ]}
      />
      {target === "choose" && (
        <Checks
          legend={t.bind.choose}
          values={chosen}
          onChange={onChosen}
          options={clouds.map(({ displayName, name, type }) => ({
            value: name,
            label: displayName,
            hint: `${type} · ${name}`,
          }))}
        />
      )}
    </>
  );
}
