import { withGoal } from "./options.ts";
import { type BenchContext, type Figure, isMet, type Scenario } from "./scenario.ts";

/** A figure as it is reported. */
export interface JudgedFigure extends Figure {
  readonly met: boolean;
}

export interface ScenarioResult {
  readonly name: string;
  readonly about: string;
  /** How long it took in all. */
  readonly seconds: number;
  readonly figures: readonly JudgedFigure[];
  /** Why it has no figures; a scenario that breaks has met nothing. */
  readonly error?: string;
}

/** Whether every scenario came to its end and every figure is as it should be. */
export function allMet(results: readonly ScenarioResult[]): boolean {
  return results.every(({ error, figures }) => error === undefined && figures.every(({ met }) => met));
}

/**
 * Runs scenarios one after the other; one that breaks does not keep the next from being run.
 * @param goals as `BenchOptions.goals`
 * @param done is told of each as it ends
 */
export async function runScenarios(
  scenarios: readonly Scenario[],
  context: BenchContext,
  goals: ReadonlyMap<string, number>,
  done: (result: ScenarioResult) => void,
): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  for (const scenario of scenarios) {
    context.log(`--- ${scenario.name}`);
    const result = await runOne(scenario, context, goals);
    results.push(result);
    done(result);
  }
  return results;
}

async function runOne(
  scenario: Scenario,
  context: BenchContext,
  goals: ReadonlyMap<string, number>,
): Promise<ScenarioResult> {
  const { name, about } = scenario;
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 100) / 10;
  try {
    const figures = await scenario.run(context);
    return { name, about, seconds: seconds(), figures: figures.map((figure) => judged(name, figure, goals)) };
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { name, about, seconds: seconds(), figures: [], error: message };
  }
}

function judged(scenario: string, figure: Figure, goals: ReadonlyMap<string, number>): JudgedFigure {
  const held = withGoal(scenario, figure, goals);
  return { ...held, met: isMet(held) };
}
