import type { Dispatcher } from "undici";
import type { ManifestSource } from "../../../crds/index.ts";

/** Where http sources may connect to; the operator's EgressPolicy fits it. */
export interface EgressPolicy {
  dispatcher(options?: { ca?: string }): Dispatcher;
}

/** Reads a key of a ConfigMap in the operator's own namespace, data and binaryData alike. */
export type ReadConfigMap = (name: string, key: string, signal: AbortSignal) => Promise<Uint8Array>;

/** Reads a Secret in the operator's own namespace. */
export type ReadSecret = (name: string, signal: AbortSignal) => Promise<Record<string, Uint8Array>>;

/** One kind of source, set up for one reel. A new kind is a file beside this one and a line in open.ts. */
export interface OpenedSource {
  /** For messages: where it is, without credentials or query. */
  readonly where: string;
  /**
   * The file's bytes from the beginning, once. A chunk is of use until the next one is asked for.
   * @throws ManifestError SourceUnavailable, SourceNotAllowed
   */
  bytes(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export type SourceOf<Kind extends "configMap" | "http" | "file" | "s3"> = NonNullable<ManifestSource[Kind]>;
