import { IOT_ACTIONS } from "../../interop/registries/aws-iot/actions.ts";

export { IOT_ACTIONS, type IotResource } from "../../interop/registries/aws-iot/actions.ts";

/** What the function needs to send traces. */
export const TRACING_ACTIONS: readonly string[] = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];

/**
 * The actions of the role that AWS lets no one narrow to a resource: the service authorization reference names
 * no resource type for them (list_awsiot.html, list_awsx-ray.html). The policy pack takes the resource `*` for
 * these only.
 */
export const ACTIONS_WITHOUT_RESOURCE: readonly string[] = [
  ...IOT_ACTIONS.filter(({ on }) => on.includes("anything")).map(({ action }) => action),
  ...TRACING_ACTIONS,
];
