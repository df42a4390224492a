import { defineConfig } from "vitest/config";
import { SlowFirst } from "./tools/setup/slow-first.ts";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", ".certferry/**"],
    // Processes of their own: tests start, stop and kill real servers, and some use much memory.
    pool: "forks",
    // One more than the cores of CI: half of what the tests with an API server do is waiting.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    // Tests that wait for a real API server need the time; a hook may have to start one on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 150_000,
    teardownTimeout: 30_000,
    unstubEnvs: true,
    restoreMocks: true,
  },
});
