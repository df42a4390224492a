import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import { type Path, readValues, valueAt } from "../values/schema.ts";
import { apiObject } from "./api-object.ts";
import { commonLabels } from "./labels.ts";
import type { Condition, ImagePath, Manifest, Optional, Source } from "./source.ts";

/** What a stand-in stands for. */
export type Meaning =
  /** A scalar: a template expression, pipelines and quotes included. */
  | { readonly kind: "scalar"; readonly expression: string }
  /** A key's whole value, which goes with its key while it is empty. */
  | { readonly kind: "block"; readonly value: string }
  /** Entries of the object or the list that it stands in. */
  | { readonly kind: "spread"; readonly value: string }
  /** Entries of a list, one for each of another. */
  | { readonly kind: "range"; readonly value: string; readonly entry: string }
  | { readonly kind: "conditional"; readonly condition: string; readonly value: unknown };

const STAND_IN = /^⟪(\d+)⟫$/u;
const DEFAULTS = readValues();

/**
 * Expressions that Helm fills in. cdk8s takes plain data only, so what stands in an object is a short text by which
 * the meaning is found again when the template is written.
 */
export class HelmExpressions implements Source {
  readonly namespace: string;
  readonly #meanings: Meaning[] = [];
  readonly #guards = new Map<ApiObject, string>();

  constructor() {
    this.namespace = this.#scalar("$.Release.Namespace");
  }

  /** What a text stands for; undefined for any other text. */
  meaning(text: string): Meaning | undefined {
    const number = STAND_IN.exec(text)?.[1];
    return number === undefined ? undefined : this.#meanings[Number(number)];
  }

  /** The action that a whole template stands in: `if …` or `range …`. */
  guard(object: ApiObject): string | undefined {
    return this.#guards.get(object);
  }

  inNamespace(pattern: string): string {
    return this.#scalar(`printf ${JSON.stringify(pattern)} $.Release.Namespace | quote`);
  }

  text(path: Path): string {
    return this.#scalar(`${of(path)} | quote`);
  }

  number(path: Path): number {
    return this.#scalar(`int64 ${of(path)}`) as unknown as number;
  }

  format(pattern: string, path: Path): string {
    const value = typeof valueAt(DEFAULTS, path) === "number" ? `(int64 ${of(path)} | toString)` : of(path);
    return this.#scalar(`printf ${JSON.stringify(pattern)} ${value} | quote`);
  }

  image(at: ImagePath = "image"): string {
    const tagged = `(printf "%s:%s" ${of(`${at}.repository`)} (${of(`${at}.tag`)} | default $.Chart.AppVersion))`;
    const pinned = `(printf "%s@%s" ${of(`${at}.repository`)} ${of(`${at}.digest`)})`;
    return this.#scalar(`ternary ${pinned} ${tagged} (ne ${of(`${at}.digest`)} "") | quote`);
  }

  block(path: Path): Optional<object> {
    return this.#standIn({ kind: "block", value: of(path) }) as unknown as object;
  }

  entries(path: Path): Record<string, string> {
    const standIn = this.#standIn({ kind: "spread", value: of(path) });
    return { [standIn]: standIn };
  }

  each(path: Path, pattern: string): string[] {
    const entry = `{{ printf ${JSON.stringify(pattern)} . | quote }}`;
    return [this.#standIn({ kind: "range", value: of(path), entry })];
  }

  eachPort(path: Path, others: Readonly<Record<string, string>>): object[] {
    const rest = Object.entries(others).map(([key, value]) => `, ${key}: ${value}`);
    const entry = `{port: {{ int64 . }}${rest.join("")}}`;
    return [this.#standIn({ kind: "range", value: of(path), entry }) as unknown as object];
  }

  rest(path: Path): object[] {
    return [this.#standIn({ kind: "spread", value: of(path) }) as unknown as object];
  }

  when<T>(condition: Condition, value: T): Optional<T> {
    return this.#standIn({ kind: "conditional", condition: written(condition), value }) as unknown as T;
  }

  entry<T>(condition: Condition, value: T): T[] {
    return [this.#standIn({ kind: "conditional", condition: written(condition), value }) as unknown as T];
  }

  place(scope: Construct, id: string, manifest: Manifest, when?: Condition): void {
    const version = this.#scalar("$.Chart.AppVersion | quote");
    const object = apiObject(scope, id, manifest, {
      ...commonLabels(version, this.#scalar("$.Release.Service")),
      "helm.sh/chart": this.#scalar('printf "%s-%s" $.Chart.Name $.Chart.Version'),
    });
    if (when !== undefined) this.#guards.set(object, `if ${written(when)}`);
  }

  placeEach(scope: Construct, id: string, path: Path, manifest: (item: string) => Manifest): void {
    this.place(scope, id, manifest(this.#scalar(". | quote")));
    const object = scope.node.findChild(id);
    if (object instanceof ApiObject) this.#guards.set(object, `range ${of(path)}`);
  }

  #scalar(expression: string): string {
    return this.#standIn({ kind: "scalar", expression: `{{ ${expression} }}` });
  }

  #standIn(meaning: Meaning): string {
    this.#meanings.push(meaning);
    return `⟪${this.#meanings.length - 1}⟫`;
  }
}

/** The dollar sign: within `with` and `range` the dot is something else. */
function of(path: Path): string {
  return `$.Values.${path}`;
}

function written(condition: Condition): string {
  if ("not" in condition) return `not (${written(condition.not)})`;
  if ("all" in condition) return `and ${condition.all.map((each) => `(${written(each)})`).join(" ")}`;
  if ("moreThanOne" in condition) return `gt (int64 ${of(condition.moreThanOne)}) 1`;
  return of(condition.set);
}
