// The process edge of tests: a real API server, Certferry's kinds in it, and the operator as its own process.
export { startControlPlane } from "../../tools/control-plane/launcher.ts";
export type { ControlPlane } from "../../tools/control-plane/launcher.ts";
export { apply, applyYaml, kindOf, parseObjects, readObjects } from "../../tools/cluster/apply.ts";
export type { ApplyOptions } from "../../tools/cluster/apply.ts";
export { connect } from "../../tools/cluster/connect.ts";
export { eventually } from "../../tools/cluster/eventually.ts";
export type { EventuallyOptions } from "../../tools/cluster/eventually.ts";
export { installCrds } from "../../tools/cluster/install.ts";
export { startOperator } from "../../tools/cluster/operator-process.ts";
export type { LogEntry, OperatorOptions, OperatorProcess } from "../../tools/cluster/operator-process.ts";
