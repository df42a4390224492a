import { foreignContent } from "../foreign.ts";
import type { ManifestFormat } from "../port.ts";
import { type Table, tableEntries } from "./table.ts";

const TABLE: Table<"device_id" | "group_id" | "certificate"> = {
  columns: { needed: ["device_id", "group_id", "certificate"], optional: [] },
  entryOf: (row, field) => ({
    row,
    deviceId: field("device_id").trim(),
    groupId: field("group_id").trim(),
    certificate: field("certificate"),
  }),
};

/** The manifest of the Cloud ID service: CSV with the columns device_id, group_id and certificate. */
export const cloudIdCsv: ManifestFormat = {
  name: "CloudIdCsv",
  looksLike: "a CSV file with the columns device_id, group_id and certificate",
  // Whatever other table it is: the header's error says which columns are missing.
  accepts: (content) => content.kind === "plain" && foreignContent(content.head) === undefined,
  entries: (content, limits, signal) => tableEntries(TABLE, content, limits, signal),
};
