/**
 * What Node is told when the operator runs as it is shipped; the Dockerfile says the same. Stack traces name lines of
 * our sources; the young generation has halves of 5 MiB at most, and the old one is collected at twice what is in use
 * (docs/adr/0025-a-small-heap.md).
 */
export const NODE_FLAGS: readonly string[] = [
  "--enable-source-maps",
  "--max-semi-space-size=5",
  "--heap-growing-percent=100",
];
