import type { Scenario } from "../scenario.ts";
import { durable } from "./durable.ts";
import { latency } from "./latency.ts";
import { pace429, paceHidden } from "./pace.ts";
import { throughput } from "./throughput.ts";

/** All scenarios, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [throughput, durable, pace429, paceHidden, latency];
