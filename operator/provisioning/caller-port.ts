import type { CertificateAnswer, InteropTarget } from "../../interop/caller/caller.ts";

/** What the ferry needs of the interop caller. */
export interface Caller {
  provision(
    target: InteropTarget,
    certs: readonly { readonly ref: string; readonly der: Uint8Array }[],
    signal: AbortSignal,
  ): Promise<Map<string, CertificateAnswer>>;
}
