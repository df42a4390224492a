import type { Construct } from "constructs";
import type { Path } from "../values/schema.ts";

/** A question about values: whether something is part of the installation. */
export type Condition =
  /** A switch is on; a list, an object or a text is not empty. */
  | { readonly set: Path }
  | { readonly not: Condition }
  | { readonly all: readonly Condition[] }
  | { readonly moreThanOne: Path };

/** Where an image is described. */
export type ImagePath = "image" | "console.image";

/** A Kubernetes object without the labels that all have. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
  readonly [field: string]: unknown;
}

/** What is put where something may be there or not: cdk8s leaves out keys that are undefined. */
export type Optional<T> = T | undefined;

/**
 * Where the parts of an installation get what was chosen from: the values themselves or, for the Helm chart, stand-ins
 * for the expressions that Helm fills in. So a part never looks into what it gets.
 */
export interface Source {
  /** The namespace that the operator is in. */
  readonly namespace: string;
  /** A text with that namespace in place of its `%s`. */
  inNamespace(pattern: string): string;
  text(path: Path): string;
  number(path: Path): number;
  /** A text with the value in place of its `%s`. */
  format(pattern: string, path: Path): string;
  /** The image that is run; the operator's unless told. */
  image(at?: ImagePath): string;
  /** A list or an object as it was given; undefined, and the key with it gone, while it is empty. */
  block(path: Path): Optional<object>;
  /** The entries of an object, beside others that are always there. */
  entries(path: Path): Record<string, string>;
  /** A text for each entry of a list. */
  each(path: Path, pattern: string): string[];
  /** For each number of a list, an object with it under `port`, beside `others`. */
  eachPort(path: Path, others: Readonly<Record<string, string>>): object[];
  /** The objects of a list, after others. */
  rest(path: Path): object[];
  /** The value of a key that is there only on this condition. */
  when<T>(condition: Condition, value: T): Optional<T>;
  /** An entry of a list that is there only on this condition. */
  entry<T>(condition: Condition, value: T): T[];
  /** Makes a cdk8s object of a manifest, on the condition. */
  place(scope: Construct, id: string, manifest: Manifest, when?: Condition): void;
  /** Makes one for each text in a list, which is handed to `manifest`. */
  placeEach(scope: Construct, id: string, path: Path, manifest: (item: string) => Manifest): void;
}
