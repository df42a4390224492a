/**
 * For tests that need a real part (Python, Go, a build): what to put behind the name of tests that are skipped
 * because it is not to be had here; undefined when it is there.
 * @throws what the search for it threw, in CI: there a part that is missing has failed
 */
export async function missingPart(...searches: readonly Promise<unknown>[]): Promise<string | undefined> {
  try {
    await Promise.all(searches);
    return undefined;
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    return ` (skipped: ${error instanceof Error ? error.message : String(error)})`;
  }
}
