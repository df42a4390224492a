import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

const FILE = resolve(import.meta.dirname, "../../dashboards/certferry.json");

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly targets?: readonly { expr: string; legendFormat: string }[];
}

export interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { name: string; query: string }[] };
}

/** What one line of a panel asks Prometheus, and how it calls what it gets. */
export interface Expression {
  readonly where: string;
  readonly expr: string;
  readonly legend: string;
}

export async function readDashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile(FILE, "utf8")) as Dashboard;
}

export function expressionsOf({ panels }: Dashboard): Expression[] {
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ where: title, expr, legend: legendFormat })),
  );
}

/** An expression with what Grafana puts in for its variables: all namespaces, five minutes. */
export function filledIn(expr: string): string {
  return expr.replaceAll("$__rate_interval", "5m").replaceAll("$namespace", ".*");
}

/** The labels that a legend shows. */
export function shownLabels(legend: string): string[] {
  return [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
}
