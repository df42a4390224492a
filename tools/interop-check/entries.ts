import { errorEntrySchema } from "../../interop/protocol/answers.ts";
import { Unexpected } from "./finding.ts";

/** Whether Certferry can read a SUCCESS entry of one action. */
export type ReadEntry = (entry: unknown) => boolean;

/** An entry that Certferry can read, with its members as they came. */
export type Entry =
  | { outcome: "success"; raw: Readonly<Record<string, unknown>>; shown: string }
  | {
      outcome: "error";
      message: string;
      code: string | undefined;
      retryable: boolean | undefined;
      raw: Readonly<Record<string, unknown>>;
      shown: string;
    };

/** The entries of one answer, matched by `ref` as Certferry does. */
export class Entries {
  /** All that came, also what cannot be read. */
  readonly list: readonly unknown[];
  readonly #read: ReadEntry;
  readonly #show: (text: string) => string;

  private constructor(list: readonly unknown[], read: ReadEntry, show: (text: string) => string) {
    this.list = list;
    this.#read = read;
    this.#show = show;
  }

  /** @returns undefined when the body is no JSON list */
  static read(body: string, read: ReadEntry, show: (text: string) => string): Entries | undefined {
    try {
      const list: unknown = JSON.parse(body);
      return Array.isArray(list) ? new Entries(list as unknown[], read, show) : undefined;
    } catch {
      return undefined;
    }
  }

  /** The refs that were answered for, each as often as it was. */
  refs(): string[] {
    return this.list.flatMap((entry) =>
      isObject(entry) && typeof entry["ref"] === "string" ? [entry["ref"]] : [],
    );
  }

  /** The entries of a ref that can be read. */
  of(ref: string): Entry[] {
    return this.list.flatMap((entry) => {
      if (!isObject(entry) || entry["ref"] !== ref) return [];
      const read = this.#entry(entry);
      return read === undefined ? [] : [read];
    });
  }

  /** @throws Unexpected unless a ref has exactly one entry, which can be read */
  one(ref: string): Entry {
    const all = this.list.filter((entry) => isObject(entry) && entry["ref"] === ref);
    const [entry, ...more] = this.of(ref);
    if (entry !== undefined && more.length === 0 && all.length === 1) return entry;
    throw new Unexpected(
      all.length === 0
        ? `no entry for the ref ${JSON.stringify(ref)} in ${this.#show(JSON.stringify(this.list))}`
        : `${all.length} entries for one ref, or one that cannot be read: ${this.show(ref)}`,
    );
  }

  /** What came for a ref, for people. */
  show(ref: string): string {
    const all = this.list.filter((entry) => isObject(entry) && entry["ref"] === ref);
    return all.length === 0
      ? `no entry for the ref ${JSON.stringify(ref)}`
      : all.map((entry) => this.#show(JSON.stringify(entry))).join(" and ");
  }

  #entry(raw: Readonly<Record<string, unknown>>): Entry | undefined {
    const shown = this.#show(JSON.stringify(raw));
    const error = errorEntrySchema.safeParse(raw);
    if (error.success) {
      const { message, code, retryable } = error.data;
      return { outcome: "error", message, code, retryable, raw, shown };
    }
    return this.#read(raw) ? { outcome: "success", raw, shown } : undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
