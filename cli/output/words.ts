const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long ago or how long yet, short, as kubectl has it: `12s`, `5m`, `3h12m`, `4d`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 2 * MINUTE) return `${s}s`;
  if (s < 10 * MINUTE) return both(s, MINUTE, "m", 1, "s");
  if (s < 3 * HOUR) return `${Math.floor(s / MINUTE)}m`;
  if (s < 8 * HOUR) return both(s, HOUR, "h", MINUTE, "m");
  if (s < 2 * DAY) return `${Math.floor(s / HOUR)}h`;
  if (s < 8 * DAY) return both(s, DAY, "d", HOUR, "h");
  return `${Math.floor(s / DAY)}d`;
}

function both(s: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((s % large) / small);
  return `${Math.floor(s / large)}${largeName}${rest === 0 ? "" : `${rest}${smallName}`}`;
}

/** Since when an object exists. */
export function age(created: string | undefined, now: number): string {
  const at = Date.parse(created ?? "");
  return Number.isNaN(at) ? "<unknown>" : duration((now - at) / 1000);
}

/** A number with its thousands apart, whatever the locale: output is the same everywhere. */
export function count(number: number): string {
  return String(Math.round(number)).replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `1 device`, `2 devices`. */
export function some(number: number, one: string, several = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : several}`;
}
