import { printable } from "../../printable.ts";

/** Archives and stores of keys, by the names that vendors give them. */
const KEY_FILE = /_keys\.7z$|\.(?:p12|pfx|jks|key)$/i;

export interface ListedFile {
  /** Printable, and cut where it is long. */
  name: string;
  /** Whether its whole name is one that keys are kept under. */
  holdsKeys: boolean;
  size: number;
  encrypted: boolean;
}

/**
 * Reads what `7zz l -slt` prints: after a line of dashes a block for each entry, `Key = value` in lines.
 * Line ends within names are replaced by 7-Zip itself.
 */
export function parseListing(text: string): ListedFile[] {
  const [, entries = ""] = text.split(/^-{10}\n/m);
  return entries
    .split("\n\n")
    .map((block) => new Map(block.split("\n").map(keyAndValue)))
    .filter((entry) => entry.has("Path") && !(entry.get("Attributes") ?? "").startsWith("D"))
    .map((entry) => ({
      holdsKeys: KEY_FILE.test((entry.get("Path") ?? "").trimEnd()),
      name: printable(entry.get("Path") ?? "", 128),
      size: Number(entry.get("Size") ?? 0),
      encrypted: entry.get("Encrypted") === "+",
    }));
}

function keyAndValue(line: string): [string, string] {
  const at = line.indexOf(" = ");
  return at < 0 ? [line.replace(/ =$/, ""), ""] : [line.slice(0, at), line.slice(at + 3)];
}
