import type {
  CertificateAnswer,
  DeprovisionAnswer,
  InteropTarget,
  MayLeave,
  OutgoingCertificate,
  StatusAnswer,
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

/** What checks need of it: only for callees that offered `status`. */
export interface StatusCaller {
  status(
    target: InteropTarget,
    certs: readonly OutgoingCertificate[],
    signal: AbortSignal,
    batch?: string,
  ): Promise<Map<string, StatusAnswer>>;
}
