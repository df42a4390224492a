import type { Scenario } from "../scenario.ts";
import { clouds } from "./clouds.ts";
import { durable } from "./durable.ts";
import { formats } from "./formats.ts";
import { idle } from "./idle.ts";
import { kill } from "./kill.ts";
import { latency } from "./latency.ts";
import { ledgers } from "./ledgers.ts";
import { memory } from "./memory.ts";
import { objects } from "./objects.ts";
import { paceReal } from "./pace-real.ts";
import { pace429, paceHidden } from "./pace.ts";
import { status } from "./status.ts";
import { throughput } from "./throughput.ts";

/** All scenarios, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  throughput,
  durable,
  pace429,
  paceHidden,
  paceReal,
  latency,
  memory,
  kill,
  status,
  ledgers,
  formats,
  idle,
  clouds,
  objects,
];
