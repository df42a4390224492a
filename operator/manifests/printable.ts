const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\uFFFD]/gu;

const ASCII = /^[\u0020-\u007e]*$/;

/** Text from outside, made fit for a status or a log line: control characters replaced, at most `max` long. */
export function printable(text: string, max: number): string {
  if (text.length <= max && ASCII.test(text)) return text;
  const clean = text.slice(0, max * 2).replace(UNPRINTABLE, "\u00B7");
  if (clean.length <= max) return clean;
  return `${clean.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, "")}\u2026`;
}

/** Nothing in it that `printable` would replace. */
export function isPrintable(text: string): boolean {
  return ASCII.test(text) || text.search(UNPRINTABLE) === -1;
}

/** A number of bytes as people read it, e.g. `64 KiB`. */
export function byteSize(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${units[unit] ?? ""}`;
}
