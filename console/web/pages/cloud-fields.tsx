import type { JSX } from "preact";
import { Choice, Field, TextArea } from "../parts/field.tsx";
import { t } from "../texts/index.ts";
import type { Typed } from "./cloud-form.ts";

interface CloudFieldsProps {
  readonly typed: Typed;
  readonly wrong: Partial<Record<keyof Typed, string>>;
  /** Then what says which cloud it is stays as it is. */
  readonly existing: boolean;
  readonly onChange: (changes: Partial<Typed>) => void;
}

/** The fields of a CloudApi of the chosen type. */
export function CloudFields({ existing, onChange, typed, wrong }: CloudFieldsProps): JSX.Element {
  type Texts = Exclude<keyof Typed, "type" | "cloud">;
  const line = (
    field: Texts,
    label: string,
    more: Partial<Parameters<typeof Field>[0]> = {},
  ): JSX.Element => (
    <Field
      label={label}
      value={typed[field]}
      error={wrong[field]}
      onInput={(value) => onChange({ [field]: value })}
      {...more}
    />
  );
  const fixed = existing ? { disabled: true, hint: t.cloud.fixed } : {};
  return (
    <div class="fields">
      {line("displayName", t.cloud.displayName, { hint: t.cloud.displayNameHint, autoFocus: true })}
      {line("name", t.cloud.name, { hint: t.cloud.nameHint, mono: true, disabled: existing })}
      {typed.type === "AWS" && (
        <>
          {line("accountId", t.cloud.accountId, { mono: true, ...fixed, placeholder: "123456789012" })}
          {line("region", t.cloud.region, { mono: true, ...fixed, placeholder: "eu-west-1" })}
          {line("apiGatewayId", t.cloud.apiGatewayId, { mono: true, placeholder: "a1b2c3d4e5" })}
          {line("stage", t.cloud.stage, { mono: true })}
          {line("endpoint", t.cloud.endpoint, { mono: true, hint: t.cloud.endpointHint })}
        </>
      )}
      {typed.type === "Azure" && (
        <>
          {line("interopUrl", t.cloud.interopUrl, {
            mono: true,
            placeholder: "https://factory.azurewebsites.net/interop",
          })}
          {line("subscriptionId", t.cloud.subscriptionId, { mono: true, ...fixed })}
        </>
      )}
      {typed.type === "Other" && (
        <>
          {line("url", t.cloud.url, { mono: true, placeholder: "https://devices.example.com/interop" })}
          <Choice
            legend={t.cloud.behind}
            name="behind"
            across
            value={typed.cloud}
            onChange={(cloud) => onChange({ cloud })}
            options={(["AWS", "Azure", "Private"] as const).map((value) => ({
              value,
              label: t.cloud.behinds[value],
            }))}
          />
          {line("username", t.cloud.username, {
            hint: existing ? t.cloud.credentialsKept : t.cloud.credentialsHint,
          })}
          {line("password", t.cloud.password, { secret: true })}
        </>
      )}
      <div class="field-long">
        <TextArea
          label={t.cloud.caBundle}
          hint={t.cloud.caBundleHint}
          error={wrong.caBundle}
          rows={3}
          value={typed.caBundle}
          onInput={(caBundle) => onChange({ caBundle })}
        />
      </div>
    </div>
  );
}
