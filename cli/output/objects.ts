import { stringify } from "yaml";
import type { KubeObject } from "../../operator/runtime/objects.ts";

/** The formats that programs read. */
export const MACHINE_FORMATS = ["json", "yaml", "name"] as const;
export type MachineFormat = (typeof MACHINE_FORMATS)[number];

/** Whether a format is for programs, so that nothing else may be on the standard output. */
export function isMachineFormat(format: string | undefined): format is MachineFormat {
  return MACHINE_FORMATS.some((each) => each === format);
}

/** One object as kubectl would print it, without the bookkeeping of field managers. */
export function objectText(object: KubeObject, format: MachineFormat): string {
  return textOf(withoutBookkeeping(object), format, () => `${nameOf(object)}\n`);
}

/** Objects as a List, in the order in which they are given. */
export function listText(objects: readonly KubeObject[], format: MachineFormat): string {
  const items = objects.map(withoutBookkeeping);
  const list = { apiVersion: "v1", kind: "List", items };
  return textOf(list, format, () => objects.map((object) => `${nameOf(object)}\n`).join(""));
}

/** Any value that is no object of a cluster. */
export function valueText(value: unknown, format: "json" | "yaml"): string {
  return textOf(value, format, () => "");
}

function textOf(value: unknown, format: MachineFormat, names: () => string): string {
  if (format === "json") return `${JSON.stringify(value, null, 2)}\n`;
  return format === "yaml" ? stringify(value, { lineWidth: 0 }) : names();
}

function nameOf({ apiVersion, kind, metadata }: KubeObject): string {
  const [group, version] = apiVersion.split("/");
  return `${kind.toLowerCase()}${version === undefined ? "" : `.${group ?? ""}`}/${metadata.name}`;
}

function withoutBookkeeping(object: KubeObject): KubeObject {
  const { managedFields: _managed, ...metadata } = object.metadata as KubeObject["metadata"] & {
    managedFields?: unknown;
  };
  return { ...object, metadata };
}
