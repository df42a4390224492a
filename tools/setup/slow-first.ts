import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The order in which tests run: what takes minutes begins first, or one worker would be alone with it at the end while
 * the others have nothing left to do. What is not named here comes as the runner would have it.
 */
const FIRST = [
  "test/faults/chaos.api.test.ts",
  "test/e2e/",
  "test/install/",
  "test/observability/",
  "test/",
  "operator/manifests/formats/",
  "tools/interop-check/",
] as const;

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted
      .map((file, at) => ({ file, at, rank: rankOf(file) }))
      .sort((a, b) => a.rank - b.rank || a.at - b.at)
      .map(({ file }) => file);
  }
}

function rankOf({ moduleId, project }: TestSpecification): number {
  const path = moduleId.slice(project.config.root.length + 1);
  const rank = FIRST.findIndex((prefix) => path.startsWith(prefix));
  return rank < 0 ? FIRST.length : rank;
}
