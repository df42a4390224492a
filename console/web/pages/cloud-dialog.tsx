import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { CloudForm } from "../../actions/cloud-form.ts";
import type { CloudRow, ProbeVerdict } from "../../views/wire.ts";
import { Dialog } from "../parts/basics.tsx";
import { Choice } from "../parts/field.tsx";
import { Icon } from "../parts/icons.tsx";
import { say } from "../parts/toasts.tsx";
import { Refused, at, call, post, wordsOf } from "../state/api.ts";
import { t } from "../texts/index.ts";
import { CloudFields } from "./cloud-fields.tsx";
import { fieldOf, formOf, nameOf, typedOf } from "./cloud-form.ts";
import type { Typed } from "./cloud-form.ts";

const TYPING_MS = 400;
const TYPES = ["AWS", "Azure", "Other"] as const;
type Wrong = Partial<Record<keyof Typed, string>>;
type Step =
  | { readonly at: "typing" | "testing" | "saving" }
  | { readonly at: "verdict"; readonly verdict: ProbeVerdict };

/** Creates or edits a CloudApi: held against the schema while one types, and tried by the operator before it is saved. */
export function CloudDialog(props: { account: string; cloud?: CloudRow; onClose: () => void }): JSX.Element {
  const { account, cloud, onClose } = props;
  const existing = cloud !== undefined;
  const [typed, setTyped] = useState<Typed>(() => typedOf(cloud));
  const [touched, setTouched] = useState<ReadonlySet<keyof Typed>>(new Set());
  const [wrong, setWrong] = useState<Wrong>({});
  const [error, setError] = useState<string>();
  const [step, setStep] = useState<Step>({ at: "typing" });
  const name = existing ? cloud.name : typed.name === "" ? nameOf(typed.displayName) : typed.name;
  const form = formOf({ ...typed, name });
  const touch = (fields: Partial<Record<keyof Typed, unknown>>): void =>
    setTouched((before) => new Set([...before, ...(Object.keys(fields) as (keyof Typed)[])]));
  const refused = (problem: unknown): void => {
    setStep({ at: "typing" });
    const fields = problem instanceof Refused ? wrongOf(problem) : {};
    setWrong(fields);
    touch(fields);
    setError(Object.keys(fields).length === 0 ? wordsOf(problem) : undefined);
  };
  useEffect(() => {
    if (touched.size === 0 || name === "") return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      post(at(account, "clouds", "check"), { form, existing }, stop.signal).then(
        () => setWrong({}),
        (problem: unknown) => {
          if (!stop.signal.aborted && problem instanceof Refused) setWrong(wrongOf(problem));
        },
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [typed]);
  const change = (changes: Partial<Typed>): void => {
    // From what is there by then: two fields may be filled before the page is drawn again.
    setTyped((before) => ({ ...before, ...changes }));
    touch(changes);
    setStep({ at: "typing" });
    setError(undefined);
  };
  const save = async (): Promise<void> => {
    setStep({ at: "saving" });
    if (existing) await call(at(account, "clouds", name), { method: "PUT", body: form });
    else await post(at(account, "clouds"), form);
    say(t.cloud.done(typed.displayName === "" ? name : typed.displayName));
    onClose();
  };
  /** Saved at once when the cloud answers; else the person decides. */
  const test = async (): Promise<void> => {
    setStep({ at: "testing" });
    setError(undefined);
    const verdict = await probed(account, form);
    if (verdict.ok) await save();
    else setStep({ at: "verdict", verdict });
  };
  const busy = step.at === "testing" || step.at === "saving";
  const shown: Wrong = Object.fromEntries(
    Object.entries(wrong).filter(([field]) => touched.has(field as keyof Typed)),
  );
  return (
    <Dialog wide title={existing ? t.cloud.edit(cloud.displayName) : t.cloud.create} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          test().catch(refused);
        }}
      >
        {!existing && (
          <Choice
            legend={t.cloud.type}
            name="type"
            across
            value={typed.type}
            onChange={(type) => change({ type })}
            options={TYPES.map((type) => ({
              value: type,
              label: t.cloud.types[type],
              hint: t.cloud.typeHints[type],
            }))}
          />
        )}
        <CloudFields typed={{ ...typed, name }} wrong={shown} existing={existing} onChange={change} />
        {step.at === "verdict" && (
          <p class="note note-bad" role="alert">
            <strong>{t.cloud.bad}</strong> {step.verdict.message}
          </p>
        )}
        {error !== undefined && (
          <p class="note note-bad" role="alert">
            {error}
          </p>
        )}
        <footer class="dialog-foot">
          <span class="busy" role="status">
            {step.at === "testing" && t.cloud.testing}
            {step.at === "saving" && t.cloud.saving}
          </span>
          <button type="button" class="button" onClick={onClose}>
            {t.cancel}
          </button>
          {step.at === "verdict" && (
            <button type="button" class="button" onClick={() => void save().catch(refused)}>
              {t.cloud.saveAnyway}
            </button>
          )}
          <button type="submit" class="button button-main" disabled={busy || name === ""}>
            <Icon name="check" />
            {step.at === "verdict" ? t.retry : t.save}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** That there is no verdict is one: the person may save all the same. */
async function probed(account: string, form: CloudForm): Promise<ProbeVerdict> {
  try {
    return await post<ProbeVerdict>(at(account, "clouds", "probe"), form);
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== "NoVerdict") throw error;
    return { ok: false, reason: error.code, message: error.message };
  }
}

function wrongOf({ fields }: Refused): Wrong {
  const wrong: Wrong = {};
  for (const [path, words] of Object.entries(fields)) {
    const field = fieldOf(path.replace(/^form\./u, ""));
    if (field !== undefined) wrong[field] = words;
  }
  return wrong;
}
