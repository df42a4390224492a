import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import { cloudIdCsv } from "./cloud-id-csv/format.ts";
import { foreignContent } from "./foreign.ts";
import type { Content, ManifestFormat } from "./port.ts";

const FORMATS: readonly ManifestFormat[] = [cloudIdCsv];

/**
 * The format of a content: the declared one, or the first that takes it.
 * @throws ManifestError NotAManifest
 */
export function formatOf(content: Content, declared?: string): ManifestFormat {
  const known = FORMATS.map((format) => format.name).join(", ");
  if (declared !== undefined) {
    const format = FORMATS.find((candidate) => candidate.name === declared);
    if (format !== undefined) return format;
    throw new ManifestError(
      "NotAManifest",
      `the format "${printable(declared, 64)}" is not known; known are: ${known}`,
    );
  }
  const format = FORMATS.find((candidate) => candidate.accepts(content));
  if (format !== undefined) return format;
  throw new ManifestError("NotAManifest", `${describe(content)}; known formats are: ${known}`);
}

function describe(content: Content): string {
  if (content.kind === "plain") return `the file is ${foreignContent(content.head) ?? "of no known format"}`;
  const names = content.files.slice(0, 3).map((file) => `"${file.name}"`);
  const more = content.files.length > names.length ? ", \u2026" : "";
  return `the archive holds ${content.files.length} files (${names.join(", ")}${more}) and not exactly one CSV`;
}
