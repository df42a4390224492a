import { Gauge, type LabelValues, type Registry } from "@prometheus-io/client";

export interface SampledGauge<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly L[];
  /** Asked for when metrics are; values of the same labels are added up. */
  readonly read: () => Iterable<readonly [labels: LabelValues<L>, value: number]>;
}

/** Registers a gauge that is read when metrics are asked for: what is gone by then is told no more. */
export function sampled<L extends string>(
  registry: Registry,
  { name, help, labels, read }: SampledGauge<L>,
): void {
  const gauge: Gauge<L> = new Gauge<L>({
    name,
    help,
    labelNames: labels,
    registers: [registry],
    collect: () => {
      gauge.reset();
      // Which leaves a 0 where there are no labels, and there may be nothing to tell.
      if (labels.length === 0) gauge.remove();
      for (const [of, value] of read()) gauge.inc(of, value);
    },
  });
}
