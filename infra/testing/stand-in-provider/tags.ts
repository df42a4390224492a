import { z } from "zod";

export const tags = z.record(z.string(), z.string()).optional();

type Tags = Readonly<Record<string, string>> | undefined;

/** What has to be done to get from these tags to those. */
export function tagChange(olds: Tags, news: Tags): { set: Record<string, string>; remove: string[] } {
  const before = olds ?? {};
  const after = news ?? {};
  return {
    set: Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value)),
    remove: Object.keys(before).filter((key) => !(key in after)),
  };
}

/** Tags as most APIs take them. */
export function tagList(of: Tags): { Key: string; Value: string }[] {
  return Object.entries(of ?? {}).map(([Key, Value]) => ({ Key, Value }));
}

/** Tags as most APIs give them; undefined where there are none, as for a resource that was given none. */
export function tagRecord(
  list: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
): Record<string, string> | undefined {
  const entries = (list ?? []).map(({ Key = "", Value = "" }) => [Key, Value] as const);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
