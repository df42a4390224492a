/** One time series as a scrape has it: `name{a="b"}` with its value, and whether it only ever grows. */
export interface Sample {
  readonly series: string;
  readonly value: number;
  readonly counter: boolean;
}

/** What /metrics answered, by series; `job` and `instance` are what a Prometheus adds. */
export function readScrape(text: string): Map<string, Sample> {
  const samples = new Map<string, Sample>();
  const types = new Map<string, string>();
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type !== null) types.set(type[1] ?? "", type[2] ?? "");
    const sample = /^(?<name>[a-zA-Z_:]\w*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line)?.groups;
    if (sample === undefined) continue;
    const { name = "", labels, value } = sample;
    const all = [labels, 'job="certferry"', 'instance="certferry:8080"'].filter(Boolean).join(",");
    const series = `${name}{${all}}`;
    const family = types.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, "");
    const counter = types.get(family) === "counter" || (types.get(family) !== "gauge" && family !== name);
    samples.set(series, { series, value: Number(value), counter });
  }
  return samples;
}

/** How two scrapes are made into the hours that an alert needs. */
export type Continuation =
  /** What was counted between the two goes on at that rate; what stood in the second stands. */
  | { readonly kind: "goes on"; readonly growing?: readonly string[] }
  /** As in the first for more than an hour, then as in the second. */
  | { readonly kind: "step" }
  /** By turns as in the one and as in the other. */
  | { readonly kind: "alternates" };

export const MINUTES = 100;

/** `input_series` of a promtool test, one value a minute. @param seconds between the two scrapes */
export function seriesOf(
  before: ReadonlyMap<string, Sample>,
  after: ReadonlyMap<string, Sample>,
  seconds: number,
  continuation: Continuation,
): { series: string; values: string }[] {
  return [...after.values()].map(({ series, value, counter }) => {
    const first = before.get(series)?.value;
    return { series, values: valuesOf(first, value, counter, { series, seconds, continuation }) };
  });
}

function valuesOf(
  first: number | undefined,
  last: number,
  counter: boolean,
  how: { series: string; seconds: number; continuation: Continuation },
): string {
  const { continuation } = how;
  if (continuation.kind === "step") {
    return `${first === undefined ? `_x70` : `${number(first)}x70`} ${number(last)}x${MINUTES - 71}`;
  }
  if (continuation.kind === "alternates") {
    return Array.from({ length: MINUTES }, (_, at) => number(at % 2 === 0 ? (first ?? last) : last)).join(
      " ",
    );
  }
  const name = how.series.slice(0, how.series.indexOf("{"));
  const grows = counter || continuation.growing?.includes(name) === true;
  const slope = grows ? Math.max(0, ((last - (first ?? 0)) / how.seconds) * 60) : 0;
  return `${number(last)}${slope === 0 ? "" : `+${number(slope)}`}x${MINUTES}`;
}

function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(12))) : value > 0 ? "+Inf" : "-Inf";
}
