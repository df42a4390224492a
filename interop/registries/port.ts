import type { ProvisionEntry } from "../protocol/answers.ts";

/** A certificate that the callee has checked. */
export interface CheckedCertificate {
  /** The caller's name for the device; goes back in the entry. */
  ref: string;
  pem: string;
  /** Serial number, upper-case hex. */
  serial: string;
  /** SHA-256 of the DER, upper-case hex. */
  thumbprint: string;
}

/** Whose manners the callee has: what a device is called, and in which order it answers. */
export type Flavor = "aws" | "azure";

/** Where a product cloud keeps its devices. */
export interface Registry {
  readonly flavor: Flavor;
  /**
   * Lets devices in. Pushing one again is safe. A name that another certificate holds already is an
   * ERROR entry (`COLLISION_MESSAGES`): v1 reported SUCCESS and lost the device.
   * @returns one entry for each certificate, in the order given; one that fails does not stop the rest
   * @throws only when nothing can be said of any of them
   */
  provision(certificates: readonly CheckedCertificate[], signal: AbortSignal): Promise<ProvisionEntry[]>;
  /** Where devices connect to, if that is known. */
  endpoint(signal: AbortSignal): Promise<string | null>;
}
