import type { ApiObject } from "cdk8s";
import { stringify } from "yaml";
import type { HelmExpressions } from "../source/helm.ts";

/** Writes one object as a Helm template, with what its stand-ins mean. */
export function template(object: ApiObject, expressions: HelmExpressions): string {
  const lines = new TemplateWriter(expressions).object(object.toJson() as Record<string, unknown>);
  const guard = expressions.guard(object);
  const body = guard?.startsWith("range ") === true ? ["---", ...lines] : lines;
  const guarded = guard === undefined ? body : [`{{- ${guard} }}`, ...body, "{{- end }}"];
  return `${guarded.join("\n")}\n`;
}

class TemplateWriter {
  readonly #expressions: HelmExpressions;

  constructor(expressions: HelmExpressions) {
    this.#expressions = expressions;
  }

  object(value: Record<string, unknown>, indent = 0): string[] {
    return Object.entries(value).flatMap(([key, inner]) => this.#member(key, inner, indent));
  }

  #member(key: string, value: unknown, indent: number): string[] {
    const pad = " ".repeat(indent);
    const meaning = this.#meaning(value);
    switch (meaning?.kind) {
      case "block":
        return [
          `${pad}{{- with ${meaning.value} }}`,
          `${pad}${key}:`,
          `${pad}  {{- toYaml . | nindent ${indent + 2} }}`,
          `${pad}{{- end }}`,
        ];
      case "spread":
        return spread(meaning.value, indent);
      case "conditional":
        return [
          `${pad}{{- if ${meaning.condition} }}`,
          ...this.#member(key, meaning.value, indent),
          `${pad}{{- end }}`,
        ];
      case "scalar":
        return [`${pad}${scalar(key)}: ${meaning.expression}`];
      case "range":
        throw new Error(`${key}: entries of a list stand where there is none`);
      case undefined:
        break;
    }
    if (Array.isArray(value) && value.length > 0)
      return [`${pad}${scalar(key)}:`, ...this.#list(value, indent + 2)];
    if (isObject(value)) return [`${pad}${scalar(key)}:`, ...this.object(value, indent + 2)];
    return [`${pad}${scalar(key)}: ${scalar(value)}`];
  }

  #list(items: readonly unknown[], indent: number): string[] {
    const pad = " ".repeat(indent);
    return items.flatMap((item): string[] => {
      const meaning = this.#meaning(item);
      switch (meaning?.kind) {
        case "range":
          return [`${pad}{{- range ${meaning.value} }}`, `${pad}- ${meaning.entry}`, `${pad}{{- end }}`];
        case "spread":
          return spread(meaning.value, indent);
        case "conditional":
          return [
            `${pad}{{- if ${meaning.condition} }}`,
            ...this.#list([meaning.value], indent),
            `${pad}{{- end }}`,
          ];
        case "scalar":
          return [`${pad}- ${meaning.expression}`];
        case "block":
          throw new Error("a key's value stands where an entry of a list is wanted");
        case undefined:
          break;
      }
      if (!isObject(item)) return [`${pad}- ${scalar(item)}`];
      // The dash stands before the first key, so one that is always there comes first.
      const members = Object.entries(item).sort(([, a], [, b]) => this.#order(a) - this.#order(b));
      const [first = "", ...others] = this.object(Object.fromEntries(members), indent + 2);
      if (first.trimStart().startsWith("{{-"))
        throw new Error(`an entry of a list begins with ${first.trim()}`);
      return [`${pad}- ${first.trimStart()}`, ...others];
    });
  }

  #order(value: unknown): number {
    const kind = this.#meaning(value)?.kind ?? "scalar";
    return kind === "scalar" ? 0 : 1;
  }

  #meaning(value: unknown): ReturnType<HelmExpressions["meaning"]> {
    return typeof value === "string" ? this.#expressions.meaning(value) : undefined;
  }
}

function spread(value: string, indent: number): string[] {
  const pad = " ".repeat(indent);
  return [`${pad}{{- with ${value} }}`, `${pad}{{- toYaml . | nindent ${indent} }}`, `${pad}{{- end }}`];
}

/** A key or a value, in one line; braces that Helm would read are written as text. */
function scalar(value: unknown): string {
  const text =
    typeof value === "string" && value.includes("\n")
      ? JSON.stringify(value)
      : stringify(value, { version: "1.1", lineWidth: 0 }).trimEnd();
  return text.replaceAll(/\{\{|\}\}/gu, (braces) => `{{ "${braces}" }}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
  );
}
