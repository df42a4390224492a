import { printable } from "../../printable.ts";

/** Archives and stores of keys, by the names that vendors give them. */
const KEY_FILE = /_keys\.7z$|\.(?:p12|pfx|jks|key)$/i;

const MAX_BLOCK_CHARACTERS = 64 * 1024;

export interface ListedFile {
  /** Printable, and cut where it is long. */
  name: string;
  /** Whether its whole name is one that keys are kept under. */
  holdsKeys: boolean;
  size: number;
  encrypted: boolean;
}

/**
 * Reads what `7zz l -slt` prints, as it is printed: after a line of dashes a block for each entry,
 * `Key = value` in lines. Line ends within names are replaced by 7-Zip itself.
 */
export class ListingReader {
  readonly #onFile: (file: ListedFile) => void;
  #rest = "";
  #begun = false;

  constructor(onFile: (file: ListedFile) => void) {
    this.#onFile = onFile;
  }

  push(text: string): void {
    this.#rest += text;
    if (!this.#begun) {
      const start = /^-{10}\n/m.exec(this.#rest);
      if (start === null) return;
      this.#rest = this.#rest.slice(start.index + start[0].length);
      this.#begun = true;
    }
    const blocks = this.#rest.split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) this.#read(block);
    // Names have a length limit in 7-Zip; whatever else prints without end is no listing.
    if (this.#rest.length > MAX_BLOCK_CHARACTERS) throw new Error("the listing cannot be read");
  }

  end(): void {
    if (this.#begun) this.#read(this.#rest);
    this.#rest = "";
  }

  #read(block: string): void {
    const entry = new Map(block.split("\n").map(keyAndValue));
    const path = entry.get("Path");
    if (path === undefined || (entry.get("Attributes") ?? "").startsWith("D")) return;
    this.#onFile({
      holdsKeys: KEY_FILE.test(path.trimEnd()),
      name: printable(path, 128),
      size: Number(entry.get("Size") ?? 0),
      encrypted: entry.get("Encrypted") === "+",
    });
  }
}

function keyAndValue(line: string): [string, string] {
  const at = line.indexOf(" = ");
  return at < 0 ? [line.replace(/ =$/, ""), ""] : [line.slice(0, at), line.slice(at + 3)];
}
