export { type CloudOptions, startCloud, type TestCloud } from "./cloud.ts";
export { type Fault, type FaultScope, GATEWAY_FAULTS, type Manners } from "./faults.ts";
export type { Received, ReceivedRequest } from "./received.ts";
