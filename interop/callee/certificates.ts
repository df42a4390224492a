import { X509Certificate } from "node:crypto";
import { ENTRY_MESSAGES } from "../protocol/messages.ts";
import type { CertificateRequest } from "../protocol/requests.ts";
import type { CheckedCertificate } from "../registries/port.ts";

/**
 * Checks a certificate as v1 does, and in its order: it decodes, its serial number can name a device, it
 * is valid now, its end can be read.
 * @param now milliseconds since the epoch
 * @returns the certificate, or v1's message
 */
export function checkCertificate(
  { ref, cert }: CertificateRequest,
  now: number,
): { certificate: CheckedCertificate } | { message: string } {
  const pem = Buffer.from(cert, "base64").toString("latin1");
  const x509 = decode(pem);
  if (x509 === undefined) return { message: ENTRY_MESSAGES.certificateUndecodable };
  const message =
    faultInSerial(x509.serialNumber) ?? faultInValidity(x509.validFromDate, x509.validToDate, now);
  if (message !== undefined) return { message };
  const thumbprint = x509.fingerprint256.replaceAll(":", "");
  return { certificate: { ref, pem, serial: x509.serialNumber.toUpperCase(), thumbprint } };
}

function decode(pem: string): X509Certificate | undefined {
  // Node would read DER, too; the wire has PEM.
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) return undefined;
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

export function faultInSerial(serial: string): string | undefined {
  return /^[A-Za-z0-9_-]+$/.test(serial) ? undefined : ENTRY_MESSAGES.serialUnusable;
}

/** An end that cannot be read is neither before nor after now, so it is caught by the second check. */
export function faultInValidity(notBefore: Date, notAfter: Date, now: number): string | undefined {
  if (now < notBefore.getTime() || now > notAfter.getTime()) return ENTRY_MESSAGES.validityOutOfRange;
  return Number.isNaN(notAfter.getTime()) ? ENTRY_MESSAGES.expirationUndecodable : undefined;
}
