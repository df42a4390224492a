import type {
  CertificateAnswer,
  DeprovisionAnswer,
  InteropTarget,
  MayLeave,
  OutgoingCertificate,
} from "../../interop/caller/caller.ts";

/** What the ferry needs of the interop caller. */
export interface Caller {
  provision(
    target: InteropTarget,
    certs: readonly OutgoingCertificate[],
    signal: AbortSignal,
    batch?: string,
    mayLeave?: MayLeave,
  ): Promise<Map<string, CertificateAnswer>>;
  deprovision(
    target: InteropTarget,
    certs: readonly OutgoingCertificate[],
    signal: AbortSignal,
    batch?: string,
    mayLeave?: MayLeave,
  ): Promise<Map<string, DeprovisionAnswer>>;
}
