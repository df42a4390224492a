import type { Io, Output } from "../io.ts";

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;

export type Colour = keyof typeof CODES;
/** Puts a text in a colour, or leaves it as it is. */
export type Paint = (colour: Colour, text: string) => string;

/** Colours where they are wanted: on a terminal that has them, unless NO_COLOR is set (https://no-color.org). */
export function paintFor(output: Output, { env }: Pick<Io, "env">): Paint {
  const wanted = output.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return wanted ? (colour, text) => `\u001B[${CODES[colour]}m${text}\u001B[0m` : (_colour, text) => text;
}

/** A text from elsewhere without what a terminal would obey: control characters become spaces. */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ");
}
