/** How a value must be: true, false (or not there), or not empty. */
type Wanted = true | false | "given";

/** Values that need another: where all of `when` is so, what it needs must be so as well. Paths are dotted. */
export interface Need {
  readonly when: Readonly<Record<string, Wanted>>;
  readonly needs: readonly [path: string, wanted: Wanted];
  readonly message: string;
}

interface Part {
  [keyword: string]: unknown;
}

/** The same as conditions of a JSON Schema, draft 7, for what holds values without this code: Helm. */
export function schemaOf(needs: readonly Need[]): { allOf: Part[] } {
  return {
    allOf: needs.map(({ when, needs: [path, wanted] }) => ({
      anyOf: [
        { not: { allOf: Object.entries(when).map(([each, so]) => conditionAt(each.split("."), so)) } },
        conditionAt(path.split("."), wanted),
      ],
    })),
  };
}

/** The needs that values do not meet. */
export function unmet(needs: readonly Need[], values: unknown): Need[] {
  return needs.filter(
    ({ when, needs: [needed, wanted] }) =>
      Object.entries(when).every(([path, so]) => isSo(values, path, so)) && !isSo(values, needed, wanted),
  );
}

function conditionAt([key = "", ...rest]: readonly string[], wanted: Wanted): Part {
  const inner = rest.length > 0 ? conditionAt(rest, wanted) : conditionOf(wanted);
  // What is not there is false, and is not given.
  return wanted === false
    ? { properties: { [key]: inner } }
    : { properties: { [key]: inner }, required: [key] };
}

function conditionOf(wanted: Wanted): Part {
  if (wanted === "given") return { minLength: 1, minItems: 1 };
  return wanted ? { const: true } : { not: { const: true } };
}

function isSo(values: unknown, path: string, wanted: Wanted): boolean {
  const value = path
    .split(".")
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], values);
  if (wanted === "given") return (typeof value === "string" || Array.isArray(value)) && value.length > 0;
  return (value === true) === wanted;
}
