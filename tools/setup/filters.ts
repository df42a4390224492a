/**
 * Whether vitest, given these arguments, may run tests of some rooms: without a filter, or with one that names them.
 * @param rooms fits a filter that names one of them
 */
export function mayRun(args: readonly string[], rooms: RegExp): boolean {
  const filters = args.filter((arg, index) => !arg.startsWith("-") && args[index - 1] !== "-t");
  return filters.length === 0 || filters.some((filter) => rooms.test(filter));
}
