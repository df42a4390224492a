import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import { cloudIdCsv } from "./cloud-id-csv/format.ts";
import { espressifCsv } from "./espressif/format.ts";
import { foreignContent } from "./foreign.ts";
import { microchipJson } from "./microchip/format.ts";
import { optigaTrustM } from "./optiga-trust-m/format.ts";
import type { Content, ManifestFormat, Nesting } from "./port.ts";

/** The last one takes every text, and says what is missing in it. */
const FORMATS: readonly ManifestFormat[] = [optigaTrustM, microchipJson, espressifCsv, cloudIdCsv];

/** How formats that are archives in an archive know theirs. */
export const NESTINGS: readonly Nesting[] = FORMATS.flatMap(({ nesting }) => nesting ?? []);

/** Whether a format's entries are signed by the vendor, so that a reading can verify them. */
export function isSignedFormat(name: string): boolean {
  return FORMATS.some((format) => format.name === name && format.signed === true);
}

/**
 * The format of a content: the first that takes it, which must be the declared one where one is.
 * @throws ManifestError NotAManifest
 */
export function formatOf(content: Content, declared?: string): ManifestFormat {
  const known = FORMATS.map((format) => format.name).join(", ");
  const wanted = FORMATS.find((candidate) => candidate.name === declared);
  if (declared !== undefined && wanted === undefined) {
    throw new ManifestError(
      "NotAManifest",
      `the format "${printable(declared, 64)}" is not known; known are: ${known}`,
    );
  }
  const found = FORMATS.find((candidate) => candidate.accepts(content));
  const foreign = content.kind === "plain" ? foreignContent(content.head) : undefined;
  if (wanted !== undefined && wanted !== found) {
    const looksLike = found === undefined ? (foreign ?? "nothing that is known") : found.looksLike;
    throw new ManifestError(
      "NotAManifest",
      `spec.manifest.format says ${wanted.name}, but the file looks like ${looksLike}. Leave format out, or give ${wanted.looksLike}`,
    );
  }
  if (found !== undefined) return found;
  throw new ManifestError(
    "NotAManifest",
    `the file is ${foreign ?? "of no known format"}; known formats are: ${known}`,
  );
}
