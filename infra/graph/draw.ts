export interface PictureNode {
  readonly id: string;
  /** What it is. */
  readonly label: string;
  /** Which of these it is. */
  readonly detail: string;
  /** Protected from deletion. */
  readonly lasting: boolean;
  /** IDs of those that must be there before it. */
  readonly needs: readonly string[];
}

export interface Picture {
  readonly title: string;
  readonly nodes: readonly PictureNode[];
}

interface Placed extends PictureNode {
  readonly layer: number;
  readonly x: number;
  readonly y: number;
}

const BOX = { width: 176, height: 40 };
const GAP = { x: 74, y: 14 };
const MARGIN = 20;
const HEAD = 44;

/**
 * Draws resources from left to right: each right of all that it needs, with a line from its nearest needs. The
 * same nodes give the same SVG, in whatever order they come.
 */
export function draw(picture: Picture): string {
  const nodes = place(directOnly(picture.nodes));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const width = Math.max(...nodes.map(({ x }) => x)) + BOX.width + MARGIN;
  const height = Math.max(...nodes.map(({ y }) => y)) + BOX.height + MARGIN;
  const lines = nodes.flatMap((node) =>
    node.needs.map((id) => {
      const from = byId.get(id);
      return from === undefined ? "" : line(from, node);
    }),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif">`,
    `<title id="title">${escaped(picture.title)}</title>`,
    "<style>.l{fill:none;stroke:#8a94a6;stroke-width:1.2}.b{fill:#fff;stroke:#3b5b8c;stroke-width:1.3}.p{fill:#fff4d6;stroke:#a86a00}.t{font-size:12px;fill:#1b2430}.d{font-size:10px;fill:#5a6675}.h{font-size:13px;fill:#1b2430}.k{font-size:11px;fill:#5a6675}</style>",
    `<rect width="${width}" height="${height}" fill="#fbfcfe"/>`,
    `<text class="h" x="${MARGIN}" y="22">${escaped(picture.title)}</text>`,
    `<text class="k" x="${MARGIN}" y="37">From left to right: each is made after those it has a line from. Yellow: protected from deletion.</text>`,
    ...lines.sort(),
    ...nodes.map(box),
    "</svg>",
    "",
  ].join("\n");
}

/** Leaves a line out where a longer way says the same. */
function directOnly(nodes: readonly PictureNode[]): PictureNode[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const reach = new Map<string, Set<string>>();
  const all = (id: string): Set<string> => {
    const found = reach.get(id);
    if (found !== undefined) return found;
    const needs = byId.get(id)?.needs ?? [];
    const set = new Set(needs);
    for (const need of needs) for (const further of all(need)) set.add(further);
    reach.set(id, set);
    return set;
  };
  return nodes.map((node) => ({
    ...node,
    needs: node.needs.filter((need) => !node.needs.some((other) => other !== need && all(other).has(need))),
  }));
}

/** Puts each into the column right of all that it needs, and beside the middle of these. */
function place(nodes: readonly PictureNode[]): Placed[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const layers = new Map<string, number>();
  const layerOf = (id: string): number => {
    const known = layers.get(id);
    if (known !== undefined) return known;
    const needs = byId.get(id)?.needs ?? [];
    const layer = needs.length === 0 ? 0 : Math.max(...needs.map(layerOf)) + 1;
    layers.set(id, layer);
    return layer;
  };
  const columns: PictureNode[][] = [];
  for (const node of [...nodes].sort((one, other) => order(one).localeCompare(order(other), "en"))) {
    (columns[layerOf(node.id)] ??= []).push(node);
  }
  const rows = new Map<string, number>();
  const placed: Placed[] = [];
  for (const [layer, column] of columns.entries()) {
    const weights = new Map(
      column.map((node) => [node.id, middle(node.needs.map((id) => rows.get(id) ?? 0))]),
    );
    column.sort((one, other) => (weights.get(one.id) ?? 0) - (weights.get(other.id) ?? 0));
    let row = 0;
    for (const node of column) {
      row = Math.max(row, Math.round((weights.get(node.id) ?? 0) * 2) / 2);
      rows.set(node.id, row);
      const x = MARGIN + layer * (BOX.width + GAP.x);
      placed.push({ ...node, layer, x, y: HEAD + MARGIN / 2 + row * (BOX.height + GAP.y) });
      row += 1;
    }
  }
  return placed;
}

const order = ({ label, detail, id }: PictureNode): string => `${label} ${detail} ${id}`;

function middle(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function box({ x, y, label, detail, lasting }: Placed): string {
  const middleOf = y + (detail === "" ? 25 : 18);
  const texts = [`<text class="t" x="${x + 10}" y="${middleOf}">${escaped(label)}</text>`];
  if (detail !== "") texts.push(`<text class="d" x="${x + 10}" y="${y + 32}">${escaped(detail)}</text>`);
  const style = lasting ? "b p" : "b";
  return `<rect class="${style}" x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>${texts.join("")}`;
}

function line(from: Placed, to: Placed): string {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  const bend = Math.min(60, (x2 - x1) / 2);
  return `<path class="l" d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}"/>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
