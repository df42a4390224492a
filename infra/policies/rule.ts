/** What a resource was given, by the names of the provider. */
export type Props = Readonly<Record<string, unknown>>;

/** Something that all resources must keep to. */
export interface Rule {
  readonly name: string;
  readonly description: string;
  /** What is wrong with a resource, each with what to do; nothing for one that keeps to the rule or is none of its business. */
  readonly check: (type: string, props: Props) => Iterable<string>;
}

/** The object at a path of properties; an empty one where there is none. */
export function at(props: Props, ...path: readonly string[]): Props {
  let value: unknown = props;
  for (const part of path) value = isProps(value) ? value[part] : undefined;
  return isProps(value) ? value : {};
}

export function isProps(value: unknown): value is Props {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
