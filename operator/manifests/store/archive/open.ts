import { isAbsolute, resolve } from "node:path";
import type { EgressPolicy } from "../../sources/port.ts";
import { bucketArchive } from "./bucket.ts";
import { folderArchive } from "./folder.ts";
import type { ManifestArchive } from "./port.ts";

/** What `--manifest-archive` names: a folder, or a bucket and a prefix in it. */
export type ArchivePlace =
  | { readonly kind: "folder"; readonly dir: string }
  | { readonly kind: "bucket"; readonly bucket: string; readonly prefix: string };

/** @throws Error that says what to write */
export function archivePlace(text: string): ArchivePlace {
  const [, bucket, prefix = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(text) ?? [];
  if (bucket !== undefined) return { kind: "bucket", bucket, prefix: prefix.replaceAll(/^\/+|\/+$/g, "") };
  if (text === "" || /^[a-z0-9+.-]+:\/\//i.test(text)) {
    throw new Error("give a folder, or a bucket with a prefix such as s3://reel-manifests/certferry");
  }
  return { kind: "folder", dir: isAbsolute(text) ? text : resolve(text) };
}

/**
 * @param egress for a bucket. Its address is the operator's own affair, so this one may be more open than the one
 *   for sources
 * @param env where the AWS SDK's settings are, of which the endpoint is looked at here
 */
export function openArchive(
  place: ArchivePlace,
  egress: EgressPolicy,
  env: Readonly<Record<string, string | undefined>>,
): ManifestArchive {
  if (place.kind === "folder") return folderArchive(place.dir);
  const endpoint = env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"];
  return bucketArchive({ ...place, egress, ...(endpoint === undefined ? {} : { endpoint }) });
}
