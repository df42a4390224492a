import type { JSX } from "preact";
import { number, share, t } from "../texts/index.ts";
import { Bar } from "./basics.tsx";

/** How many devices are bound, in every cloud of their batch, and refused: three of a page's counters. */
export function DeviceCounters(props: {
  counters: { readonly bound: number; readonly provisioned: number; readonly failed: number };
}): JSX.Element {
  const { bound, failed, provisioned } = props.counters;
  const words = t.batches.counters;
  return (
    <>
      <div class="counter">
        <dt>{words.bound}</dt>
        <dd>{number(bound)}</dd>
      </div>
      <div class="counter counter-long">
        <dt>{words.provisioned}</dt>
        <dd>
          {number(provisioned)}
          <small>{t.batches.share(share(provisioned, bound))}</small>
          <Bar done={provisioned} failed={failed} all={bound} label={words.provisioned} />
        </dd>
      </div>
      <div class={failed > 0 ? "counter counter-bad" : "counter"}>
        <dt>{words.failed}</dt>
        <dd>{number(failed)}</dd>
      </div>
    </>
  );
}
