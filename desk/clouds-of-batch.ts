import type { CloudProgress, DeviceBatch } from "../crds/index.ts";

/**
 * The names of the clouds that a batch goes to. The default that was chosen for it stands in its status only, and must
 * be named beside those that are added: a batch that names clouds has these and no others.
 */
export function cloudsOf({ spec, status }: DeviceBatch): string[] {
  const declared = (spec.cloudApis ?? []).map(({ name }) => name);
  if (declared.length > 0 || spec.provisioning === "Manual") return declared;
  return stayingIn(status).map(({ name }) => name);
}

/**
 * The lines of a batch's status about clouds that it goes to, without those that its devices are to leave. What holds a
 * departure up gives its line another state, so the state does not tell; `cloudNames`, written at the same time, does.
 */
export function stayingIn(status: DeviceBatch["status"]): CloudProgress[] {
  const names = new Set((status?.cloudNames ?? "").split(", "));
  return (status?.clouds ?? []).filter(({ name }) => names.has(name));
}

/** What of a DeviceBatch says where it goes, as a merge patch has it. */
export interface CloudsPatch {
  readonly cloudApis: readonly { readonly name: string }[];
  readonly provisioning?: "Manual";
}

/**
 * The `spec` of a merge patch after which a batch goes to these clouds. Without a name the account's default would come
 * back: who takes the last one away wants none.
 */
export function goesTo(names: readonly string[]): CloudsPatch {
  const cloudApis = names.map((name) => ({ name }));
  return names.length === 0 ? { cloudApis, provisioning: "Manual" } : { cloudApis };
}
