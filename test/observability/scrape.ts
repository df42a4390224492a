/** One time series as a scrape has it: `name{a="b"}` with its value, and whether it only ever grows. */
export interface Sample {
  readonly series: string;
  readonly value: number;
  readonly counter: boolean;
}

/** What was scraped at one moment (milliseconds of a clock that never goes back), by series. */
export interface Scrape {
  readonly at: number;
  readonly samples: ReadonlyMap<string, Sample>;
}

/** What /metrics answered, by series; `job` and `instance` are what a Prometheus adds. */
export function readScrape(text: string, instance = "certferry"): Map<string, Sample> {
  const samples = new Map<string, Sample>();
  const types = new Map<string, string>();
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type !== null) types.set(type[1] ?? "", type[2] ?? "");
    const sample = /^(?<name>[a-zA-Z_:]\w*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line)?.groups;
    if (sample === undefined) continue;
    const { name = "", labels, value } = sample;
    const all = [labels, 'job="certferry"', `instance="${instance}:8080"`].filter(Boolean).join(",");
    const series = `${name}{${all}}`;
    const family = types.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, "");
    const counter = types.get(family) === "counter" || (types.get(family) !== "gauge" && family !== name);
    samples.set(series, { series, value: Number(value), counter });
  }
  return samples;
}

/** The metric of a series. */
export function nameOf(series: string): string {
  return series.slice(0, series.indexOf("{"));
}
