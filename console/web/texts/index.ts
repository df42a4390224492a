import { en } from "./en.ts";
import type { Texts } from "./en.ts";

/** The catalogue that the pages speak from. */
export const t: Texts = en;

/** How numbers and dates are written: as where the reader is, as far as that is the pages' language. */
const LOCALE = navigator.language.startsWith(t.language) ? navigator.language : t.language;

const NUMBER = new Intl.NumberFormat(LOCALE);
const PACE = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 3 });
const PERCENT = new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 1 });
const DAY_AND_TIME = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const THIS_YEAR = new Intl.DateTimeFormat(LOCALE, {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
});
const TIME = new Intl.DateTimeFormat(LOCALE, { timeStyle: "short" });
const AGO = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto", style: "short" });

export function number(value: number): string {
  return NUMBER.format(value);
}

export function pace(value: number): string {
  return PACE.format(value);
}

/** Never 100 % before it is. */
export function share(part: number, whole: number): string {
  if (whole === 0) return PERCENT.format(0);
  const exact = part / whole;
  return PERCENT.format(part < whole ? Math.min(exact, 0.999) : 1);
}

/** A day and a time; the year where it is another one. */
export function date(at: string | undefined): string {
  if (at === undefined || at === "") return "–";
  const day = new Date(at);
  return (day.getFullYear() === new Date().getFullYear() ? THIS_YEAR : DAY_AND_TIME).format(day);
}

/** `today` as a time of day, what is near as `in 3 min` or `2 hr. ago`, the rest as a date. */
export function near(at: string, now = Date.now()): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const away = Math.abs(seconds);
  if (away < 60) return AGO.format(Math.round(seconds), "second");
  if (away < 3600) return AGO.format(Math.round(seconds / 60), "minute");
  if (away < 12 * 3600) return AGO.format(Math.round(seconds / 3600), "hour");
  return away < 24 * 3600 ? TIME.format(new Date(at)) : DAY_AND_TIME.format(new Date(at));
}
