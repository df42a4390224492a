import type { Construct } from "constructs";
import { type Path, type Values, valueAt } from "../values/schema.ts";
import { apiObject } from "./api-object.ts";
import { commonLabels } from "./labels.ts";
import type { Condition, ImagePath, Manifest, Optional, Source } from "./source.ts";

/** Values as they were given: what `install.yaml` and the kustomize base are made from. */
export class GivenValues implements Source {
  readonly namespace: string;
  readonly #values: Values;
  readonly #version: string;

  /** @param version that is installed, and the image's tag unless another is given */
  constructor(values: Values, at: { namespace: string; version: string }) {
    this.#values = values;
    this.namespace = at.namespace;
    this.#version = at.version;
  }

  inNamespace(pattern: string): string {
    return pattern.replace("%s", () => this.namespace);
  }

  text(path: Path): string {
    return String(this.#at(path));
  }

  number(path: Path): number {
    return Number(this.#at(path));
  }

  format(pattern: string, path: Path): string {
    return pattern.replace("%s", () => this.text(path));
  }

  image(at: ImagePath = "image"): string {
    const { repository, tag, digest } = at === "image" ? this.#values.image : this.#values.console.image;
    if (digest !== "") return `${repository}@${digest}`;
    return `${repository}:${tag === "" ? this.#version : tag}`;
  }

  block(path: Path): Optional<object> {
    return this.#holds({ set: path }) ? (this.#at(path) as object) : undefined;
  }

  entries(path: Path): Record<string, string> {
    return this.#at(path) as Record<string, string>;
  }

  each(path: Path, pattern: string): string[] {
    return this.#list(path).map((item) => pattern.replace("%s", () => String(item)));
  }

  eachPort(path: Path, others: Readonly<Record<string, string>>): object[] {
    return this.#list(path).map((port) => Object.assign({ port }, others));
  }

  rest(path: Path): object[] {
    return this.#list(path) as object[];
  }

  when<T>(condition: Condition, value: T): Optional<T> {
    return this.#holds(condition) ? value : undefined;
  }

  entry<T>(condition: Condition, value: T): T[] {
    return this.#holds(condition) ? [value] : [];
  }

  place(scope: Construct, id: string, manifest: Manifest, when?: Condition): void {
    if (when !== undefined && !this.#holds(when)) return;
    apiObject(scope, id, manifest, commonLabels(this.#version, "kubectl"));
  }

  placeEach(scope: Construct, id: string, path: Path, manifest: (item: string) => Manifest): void {
    for (const item of this.#list(path)) this.place(scope, `${id}-${String(item)}`, manifest(String(item)));
  }

  #at(path: Path): unknown {
    return valueAt(this.#values, path);
  }

  #list(path: Path): readonly unknown[] {
    return this.#at(path) as readonly unknown[];
  }

  #holds(condition: Condition): boolean {
    if ("not" in condition) return !this.#holds(condition.not);
    if ("all" in condition) return condition.all.every((each) => this.#holds(each));
    if ("moreThanOne" in condition) return this.number(condition.moreThanOne) > 1;
    const value = this.#at(condition.set);
    return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
  }
}
