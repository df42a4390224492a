import type { CloudProgress } from "../../crds/index.ts";
import { harmless } from "./colour.ts";
import type { Style } from "./progress.ts";
import { cut } from "./table.ts";
import { count, duration } from "./words.ts";

/** How devices stand in a cloud, in words: `998 of 1,000 asked are active, 2 differ, told 3h ago`; undefined where it told nothing. */
export function activityWords({ activity }: CloudProgress, now: number): string | undefined {
  if (activity === undefined) return undefined;
  const { active, asked, differing, toldAt } = activity;
  const differ = differing === 0 ? "" : `, ${count(differing)} ${differing === 1 ? "differs" : "differ"}`;
  const ago = duration((now - Date.parse(toldAt)) / 1000);
  return `${count(active)} of ${count(asked)} asked are active${differ}, told ${ago} ago`;
}

/** The same in lines, with the first of those that differ. */
export function activityLines(
  cloud: CloudProgress,
  { style, width, now }: { style: Style; width: number; now: number },
): string[] {
  const words = activityWords(cloud, now);
  if (words === undefined) return [];
  const { differing = 0, differences = [] } = cloud.activity ?? {};
  const first = style.paint(differing === 0 ? "dim" : "red", cut(`    ${words}`, width));
  return [first, ...differences.map(({ device, what }) => cut(harmless(`      ${device}: ${what}`), width))];
}
