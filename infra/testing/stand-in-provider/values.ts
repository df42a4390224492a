import { isDeepStrictEqual } from "node:util";
import structs from "google-protobuf/google/protobuf/struct_pb.js";
import { z } from "zod";

import { zip } from "../../bundle/zip.ts";

/** What a property of a resource may hold on the wire. */
export type Value = null | boolean | number | string | Value[] | { [key: string]: Value };
export type Properties = Record<string, Value>;

/**
 * Stands for any value that is not known before something is made, and marks assets and archives
 * (sdk/go/common/resource/plugin/rpc.go and sdk/go/common/resource/sig/sig.go of github.com/pulumi/pulumi).
 */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";

/**
 * An archive of texts, as `new AssetArchive({ name: new StringAsset(text) })` comes over the wire. Of the archive
 * in a state only the hash is kept.
 */
export const archiveOfTexts = z.object({
  [SIGNATURE]: z.literal(ARCHIVE),
  hash: z.string().optional(),
  assets: z.record(z.string(), z.object({ [SIGNATURE]: z.literal(ASSET), text: z.string() })).optional(),
});

/**
 * The zip file of such an archive.
 * @throws Error when it is one from a state
 */
export function zipped({ assets }: z.infer<typeof archiveOfTexts>): Buffer {
  if (assets === undefined) throw new Error("an archive came without its content");
  return zip(Object.fromEntries(Object.entries(assets).map(([name, { text }]) => [name, text])));
}

/** The properties in a message; none where it has none. */
export function fromWire(struct: structs.Struct | undefined): Properties {
  return struct?.toJavaScript() ?? {};
}

/** Properties for a message; those that are undefined are left out. */
export function toWire(properties: Readonly<Record<string, Value | undefined>>): structs.Struct {
  return structs.Struct.fromJavaScript(
    withoutUndefined(properties) as Parameters<typeof structs.Struct.fromJavaScript>[0],
  );
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutUndefined(each)]));
}

/** Whether anything in it is not known yet. */
export function holdsUnknown(value: Value | undefined): boolean {
  if (value === UNKNOWN) return true;
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(holdsUnknown);
}

/** The names of the properties that differ. What is not known yet counts as different. */
export function changed(olds: Properties, news: Properties): string[] {
  const names = new Set([...Object.keys(olds), ...Object.keys(news)]);
  return [...names].filter(
    (name) => holdsUnknown(news[name]) || !isDeepStrictEqual(olds[name] ?? null, news[name] ?? null),
  );
}

/** The first text, where both say the same in JSON; else the second. AWS may give a document back written otherwise. */
export function sameDocument(mine: string, theirs: string | undefined): string | undefined {
  if (theirs === undefined) return undefined;
  try {
    return isDeepStrictEqual(JSON.parse(mine), JSON.parse(theirs)) ? mine : theirs;
  } catch {
    return theirs;
  }
}

/** A property that holds a text. */
export function textOf(properties: Properties, name: string): string {
  const value = properties[name];
  if (typeof value !== "string") throw new Error(`the state of a resource has no text ${name}`);
  return value;
}
