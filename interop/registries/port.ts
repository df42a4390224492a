import type { DeprovisionEntry, ProvisionEntry, StatusEntry } from "../protocol/answers.ts";

/** A certificate that the callee has checked. */
export interface CheckedCertificate {
  /** The caller's name for the device; goes back in the entry. */
  ref: string;
  pem: string;
  /** Serial number, upper-case hex. */
  serial: string;
  /** SHA-256 of the DER, upper-case hex. */
  thumbprint: string;
  /** The vendor's device ID, where the caller tells it. */
  device?: string;
}

/** Whose manners the callee has: what a device is called, and in which order it answers. */
export type Flavor = "aws" | "azure";

/** What goes with one request. */
export interface RegistryCall {
  /** The Product Batch ID, where the caller tells it. */
  readonly batch?: string | undefined;
  /**
   * Fires when the answer is due (a gateway waits no longer), or when nobody waits for it any more. What is
   * not done by then is refused with `OutOfTime`; what is done keeps its entry.
   */
  readonly signal: AbortSignal;
}

/**
 * Where a product cloud keeps its devices. Each method answers with one entry for each certificate, in the
 * order given; one that fails does not stop the rest, and it throws only when nothing can be said of any.
 */
export interface Registry {
  readonly flavor: Flavor;
  /** Two devices of one serial number get names of their own. */
  readonly distinctNames: boolean;
  /**
   * Lets devices in. Pushing one again is safe, and mends what is missing. A name that another certificate
   * holds already is refused (`ExistsWithAnotherCertificate`): v1 reported SUCCESS and lost the device.
   */
  provision(certificates: readonly CheckedCertificate[], call: RegistryCall): Promise<ProvisionEntry[]>;
  /** Tells how each certificate stands; changes nothing. */
  status?(certificates: readonly CheckedCertificate[], call: RegistryCall): Promise<StatusEntry[]>;
  /**
   * Takes certificates out, with the devices that were made for them: these and nothing else. Safe to repeat.
   * A device of the name that belongs to another certificate is left alone.
   */
  deprovision?(certificates: readonly CheckedCertificate[], call: RegistryCall): Promise<DeprovisionEntry[]>;
  /** Where devices connect to, if that is known. */
  endpoint(signal: AbortSignal): Promise<string | null>;
}
