import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

export interface FieldProps {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly secret?: boolean;
  readonly mono?: boolean;
  readonly disabled?: boolean;
  readonly autoFocus?: boolean;
  readonly placeholder?: string;
  readonly required?: boolean;
  readonly large?: boolean;
  readonly capitals?: boolean;
}

/** A line to be typed into, with what it is for and what is wrong with it. */
export function Field(props: FieldProps): JSX.Element {
  const id = useId();
  const { error, hint } = props;
  return (
    <div class={error === undefined ? "field" : "field field-wrong"}>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        class={`input${props.mono === true ? " mono" : ""}${props.large === true ? " input-large" : ""}`}
        {...(props.secret === true ? { type: "password" as const } : { type: "text" as const })}
        value={props.value}
        disabled={props.disabled === true}
        required={props.required === true}
        placeholder={props.placeholder ?? ""}
        autocomplete="off"
        autocapitalize={props.capitals === true ? "characters" : "none"}
        autocorrect="off"
        spellcheck={false}
        autofocus={props.autoFocus === true}
        aria-invalid={error !== undefined}
        aria-describedby={`${id}-says`}
        onInput={({ currentTarget }) => props.onInput(currentTarget.value)}
      />
      <p id={`${id}-says`} class={error === undefined ? "hint" : "wrong"}>
        {error ?? hint}
      </p>
    </div>
  );
}

export function TextArea(props: {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  value: string;
  rows: number;
  onInput: (value: string) => void;
}): JSX.Element {
  const id = useId();
  return (
    <div class={props.error === undefined ? "field" : "field field-wrong"}>
      <label for={id}>{props.label}</label>
      <textarea
        id={id}
        class="input mono"
        rows={props.rows}
        value={props.value}
        spellcheck={false}
        aria-invalid={props.error !== undefined}
        aria-describedby={`${id}-says`}
        onInput={({ currentTarget }) => props.onInput(currentTarget.value)}
      />
      <p id={`${id}-says`} class={props.error === undefined ? "hint" : "wrong"}>
        {props.error ?? props.hint}
      </p>
    </div>
  );
}

/** One of several, each with what it means. */
export function Choice<V extends string>(props: {
  legend: string;
  name: string;
  value: V;
  onChange: (value: V) => void;
  options: readonly { value: V; label: ComponentChildren; hint?: string | undefined; disabled?: boolean }[];
  across?: boolean;
}): JSX.Element {
  return (
    <fieldset class={props.across === true ? "choice choice-across" : "choice"}>
      <legend>{props.legend}</legend>
      {props.options.map(({ disabled, hint, label, value }) => (
        <label key={value} class="option">
          <input
            type="radio"
            name={props.name}
            value={value}
            checked={props.value === value}
            disabled={disabled === true}
            onChange={() => props.onChange(value)}
          />
          <OptionText label={label} hint={hint} />
        </label>
      ))}
    </fieldset>
  );
}

function OptionText(props: { label: ComponentChildren; hint?: string | undefined }): JSX.Element {
  return (
    <span>
      {props.label}
      {props.hint !== undefined && <small>{props.hint}</small>}
    </span>
  );
}

/** Any of several. */
export function Checks(props: {
  legend: string;
  values: readonly string[];
  onChange: (values: readonly string[]) => void;
  options: readonly { value: string; label: string; hint?: string | undefined }[];
}): JSX.Element {
  const toggle = (value: string, on: boolean): void =>
    props.onChange(on ? [...props.values, value] : props.values.filter((each) => each !== value));
  return (
    <fieldset class="choice">
      <legend>{props.legend}</legend>
      {props.options.map(({ hint, label, value }) => (
        <label key={value} class="option">
          <input
            type="checkbox"
            checked={props.values.includes(value)}
            onChange={({ currentTarget }) => toggle(value, currentTarget.checked)}
          />
          <OptionText label={label} hint={hint} />
        </label>
      ))}
    </fieldset>
  );
}
