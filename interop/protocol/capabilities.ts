/**
 * What a callee may offer beyond v1, in `capabilities` of its answer to `info`. A caller uses what is offered
 * and nothing else, so that stacks which speak v1 alone never see a member that they do not know.
 */
export const CAPABILITIES = [
  /** Requests with certificates may carry `batch` (the BID), and each certificate `device` (the vendor's device ID). */
  "batch",
  /** Requests may carry `"codes": true`; ERROR entries then have `code` and `retryable`. */
  "codes",
  /** `status` with `certs` tells how each of them stands in the registry. */
  "status",
  /** `deprovision` takes certificates, and what was made for them, out again. */
  "deprovision",
  /** Devices are not named by their serial number alone: two devices of one serial can both be let in. */
  "distinct-names",
] as const;

export type Capability = (typeof CAPABILITIES)[number];

/** Whether a name (from an answer) is a capability that this version knows. */
export function isCapability(name: string): name is Capability {
  return (CAPABILITIES as readonly string[]).includes(name);
}
