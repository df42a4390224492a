import { z } from "zod";

/** A type that Pulumi.yaml can declare. */
export type PulumiType = "string" | "integer" | "boolean" | "array";

/** One key of the configuration: what Pulumi.yaml says of it, and what it must fit. */
export interface Setting<T> {
  readonly type: PulumiType;
  readonly description: string;
  /** As in Pulumi.yaml. There every key has one, because Pulumi takes a key without a default for one that must be set. */
  readonly default: string | number | boolean | readonly string[];
  readonly schema: z.ZodType<T>;
}

/** A text. Where empty means "not told", say what holds then in the description. */
export function text(
  description: string,
  options: { default?: string; pattern?: RegExp; must?: string },
): Setting<string> {
  const { default: initial = "", pattern, must = "is not well-formed" } = options;
  return {
    type: "string",
    description,
    default: initial,
    schema: z
      .string()
      .refine(
        (value) => pattern === undefined || (value === "" && initial === "") || pattern.test(value),
        must,
      ),
  };
}

/** One of a few words. */
export function choice<const W extends string>(
  description: string,
  words: readonly W[],
  initial: W,
): Setting<W> {
  return {
    type: "string",
    description: `${description} One of: ${words.join(", ")}.`,
    default: initial,
    schema: z.enum([...words], { error: `must be one of: ${words.join(", ")}` }),
  };
}

/** A whole number within bounds, or one of some. */
export function whole(
  description: string,
  options: { default: number; min: number; max: number; among?: readonly number[] },
): Setting<number> {
  const { default: initial, min, max, among } = options;
  return {
    type: "integer",
    description,
    default: initial,
    schema: z
      .int({ error: "must be a whole number" })
      .min(min, `must be at least ${min}`)
      .max(max, `must be at most ${max}`)
      .refine(
        (value) => among === undefined || among.includes(value),
        `must be one of: ${among?.join(", ")}`,
      ),
  };
}

export function flag(description: string, initial: boolean): Setting<boolean> {
  return {
    type: "boolean",
    description,
    default: initial,
    schema: z.boolean({ error: "must be true or false" }),
  };
}

/** A list of texts, each of one form. */
export function list<T>(
  description: string,
  options: { default: readonly string[]; schema: z.ZodType<T> },
): Setting<T> {
  return { type: "array", description, default: options.default, schema: options.schema };
}

/**
 * What stands in the configuration, as Pulumi gives it (text, or JSON in a text), in the type that the key has.
 * @returns the value, or nothing where the text is not of the type
 */
export function typed(type: PulumiType, raw: string): unknown {
  if (type === "integer") return /^-?\d+$/.test(raw) ? Number(raw) : undefined;
  if (type === "boolean") return raw === "true" ? true : raw === "false" ? false : undefined;
  return type === "array" ? parsed(raw) : raw;
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}
