import type { ManifestSource } from "../../../crds/index.ts";
import { ManifestError } from "../errors.ts";
import { configMapSource } from "./config-map.ts";
import { fileSource } from "./file.ts";
import { type HttpOptions, httpSource } from "./http.ts";
import type { OpenedSource, ReadConfigMap } from "./port.ts";
import { s3Source } from "./s3.ts";

export interface SourceOptions extends HttpOptions {
  fileRoot?: string;
  readConfigMap: ReadConfigMap;
}

/**
 * The source that a reel names; nothing is read yet.
 * @throws ManifestError SourceNotAllowed when it names none or several
 */
export function openSource(source: ManifestSource, options: SourceOptions): OpenedSource {
  const named = [
    source.configMap && configMapSource(source.configMap, options.readConfigMap),
    source.file && fileSource(source.file, options.fileRoot),
    source.http && httpSource(source.http, options),
    source.s3 && s3Source(source.s3, options),
  ].filter((opened) => opened !== undefined);
  const [only, ...others] = named;
  if (only !== undefined && others.length === 0) return only;
  throw new ManifestError("SourceNotAllowed", "exactly one of configMap, http, file and s3 must be set");
}
