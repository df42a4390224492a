import { createHash } from "node:crypto";
import type { CheckedCertificate } from "../../port.ts";

/**
 * What the callee would hand on of a certificate. Its DER is made up: the registry passes it on and knows it by
 * its digest.
 * @param seed two of one seed are one certificate
 */
export function madeUpCertificate(ref: string, serial: string, seed = ref): CheckedCertificate {
  const der = createHash("sha512").update(seed).digest();
  return {
    ref,
    serial,
    pem: `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`,
    thumbprint: createHash("sha256").update(der).digest("hex").toUpperCase(),
  };
}
