import { hasColumns } from "../cloud-id-csv/header.ts";
import { type Table, tableEntries } from "../cloud-id-csv/table.ts";
import { foreignContent } from "../foreign.ts";
import type { Content, Entry, ManifestFormat } from "../port.ts";
import { toUtf8 } from "../text.ts";

const TABLE: Table<"mac" | "cn" | "cert"> = {
  columns: { needed: ["mac", "cert"], optional: ["cn"] },
  entryOf,
};

/** Six bytes in hex, as they are printed on the module or with the usual separators. */
const MAC = /^[0-9a-f]{2}([:-]?)(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i;

/**
 * The manifest of modules whose certificates Espressif made: CSV with the columns MAC, cert and, for some, cn.
 * A device is known by its MAC address, or by its cn where that is all that stands in its row. There is no group.
 */
export const espressifCsv: ManifestFormat = {
  name: "EspressifCsv",
  looksLike: "a CSV file with the columns MAC, cert and perhaps cn",
  accepts: (content) => content.kind === "plain" && hasColumns(headerOf(content), TABLE.columns),
  entries: (content, limits, signal) => tableEntries(TABLE, content, limits, signal),
};

function headerOf(content: Extract<Content, { kind: "plain" }>): string {
  if (foreignContent(content.head) !== undefined) return "";
  const [line = ""] = toUtf8(content.head)
    .toString("utf8")
    .trimStart()
    .split(/[\r\n]/, 1);
  return line;
}

function entryOf(row: number, field: (column: "mac" | "cn" | "cert") => string): Entry {
  const mac = field("mac").trim();
  const entry = { row, groupId: undefined, certificate: field("cert") };
  if (mac === "") return { ...entry, deviceId: field("cn").trim() };
  // Written in one way, so that a module which is listed twice is found however its address is written.
  if (MAC.test(mac)) return { ...entry, deviceId: mac.replaceAll(/[:-]/g, "").toUpperCase() };
  return { row, deviceId: mac, refused: "InvalidDeviceId", message: "the MAC must be 12 hex digits" };
}
