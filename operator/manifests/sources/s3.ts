import { ManifestError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { OpenedSource, SourceOf } from "./port.ts";

export function s3Source(source: SourceOf<"s3">): OpenedSource {
  const where = `s3 object "${printable(source.key, 200)}" in bucket "${printable(source.bucket, 63)}"`;
  return {
    where,
    // oxlint-disable-next-line require-yield -- the port's shape; there is nothing to yield yet
    async *bytes() {
      throw new ManifestError(
        "SourceNotAllowed",
        `${where} cannot be read: s3 sources are not available in this version. Use http (a presigned https address works), configMap or file`,
      );
    },
  };
}
