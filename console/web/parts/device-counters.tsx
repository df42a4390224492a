import type { JSX } from "preact";
import { number, share, t } from "../texts/index.ts";
import type { Told } from "../../views/wire.ts";
import { ToldCounter } from "./activity.tsx";
import { Bar } from "./basics.tsx";

/** How many devices are bound, in every cloud of their batch, and refused: three of a page's counters; where clouds tell, how many are active. */
export function DeviceCounters(props: {
  counters: {
    readonly bound: number;
    readonly provisioned: number;
    readonly failed: number;
    readonly told?: Told;
  };
}): JSX.Element {
  const { bound, failed, provisioned, told } = props.counters;
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
      {told !== undefined && <ToldCounter told={told} />}
    </>
  );
}
