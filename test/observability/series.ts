import { nameOf, type Sample, type Scrape } from "./scrape.ts";

/** A time series of a promtool test, one value a minute. */
export interface InputSeries {
  readonly series: string;
  readonly values: string;
}

/** How long what was scraped goes on for. */
export const MINUTES = 100;

/** How counters and gauges that grow go on after what was scraped. */
export interface Course {
  /** From which scrape on a counter's pace is measured; the window's first unless told. */
  readonly since?: Scrape;
  /** Counters of what is tried again with growing pauses: they grow by one in so many minutes, if they grew at all. */
  readonly everyMinutes?: Readonly<Record<string, number>>;
  /** Gauges of how long something has lasted: a second more each second. */
  readonly lasting?: readonly string[];
}

/**
 * What a Prometheus would have if what a few scrapes show went on for {@link MINUTES}: gauges take what was scraped
 * by turns (so that one that flickers is seen to), counters go on at the pace that they had.
 */
export function goingOn(window: readonly Scrape[], course: Course = {}): InputSeries[] {
  const last = window.at(-1);
  const since = course.since ?? window[0];
  if (last === undefined || since === undefined) throw new Error("nothing was scraped");
  const seconds = (last.at - since.at) / 1_000;
  return allSeries(window).map((series) => {
    const name = nameOf(series);
    const end = last.samples.get(series);
    let value: (minute: number) => number | undefined;
    if (end === undefined || (!end.counter && course.lasting?.includes(name) !== true)) {
      value = (minute) => window[minute % window.length]?.samples.get(series)?.value;
    } else if (course.lasting?.includes(name) === true) {
      value = (minute) => (end.value === 0 ? 0 : end.value + minute * 60);
    } else {
      const grown = end.value - (since.samples.get(series)?.value ?? 0);
      const every = course.everyMinutes?.[name];
      value =
        every === undefined
          ? (minute) => end.value + (grown / seconds) * 60 * minute
          : (minute) => end.value + (grown > 0 ? Math.floor(minute / every) : 0);
    }
    return line(series, value);
  });
}

/** What a Prometheus would have if the first of these scrapes had stood for long, and each of the others for so many minutes. */
export function inTurn(scrapes: readonly Scrape[], minutes: number): InputSeries[] {
  const start = MINUTES - minutes * (scrapes.length - 1);
  const at = (minute: number): ReadonlyMap<string, Sample> | undefined =>
    scrapes[Math.max(0, Math.floor((minute - start) / minutes) + 1)]?.samples;
  return allSeries(scrapes).map((series) => line(series, (minute) => at(minute)?.get(series)?.value));
}

function allSeries(scrapes: readonly Scrape[]): string[] {
  return [...new Set(scrapes.flatMap(({ samples }) => [...samples.keys()]))];
}

function line(series: string, value: (minute: number) => number | undefined): InputSeries {
  const values = Array.from({ length: MINUTES }, (_, minute) => {
    const now = value(minute);
    // As Prometheus marks a series that a scrape does not have any more.
    return now === undefined ? "stale" : number(now);
  });
  return { series, values: values.join(" ") };
}

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? String(Number(value.toPrecision(12))) : value > 0 ? "+Inf" : "-Inf";
}
