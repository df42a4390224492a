import { X509Certificate } from "node:crypto";
import { type EntryCode, type RefusedEntry, refused } from "../protocol/refusals.ts";
import type { CertificateRequest } from "../protocol/requests.ts";
import type { CheckedCertificate } from "../registries/port.ts";

/**
 * Checks a certificate as v1 does, and in its order: it decodes, its serial number can name a device, it
 * is valid now, its end can be read.
 * @param now milliseconds since the epoch; undefined where validity does not matter
 * @returns the certificate, or its refusal in v1's words
 */
export function checkCertificate(
  { ref, cert, device }: CertificateRequest,
  now: number | undefined,
): { certificate: CheckedCertificate } | { refusal: RefusedEntry } {
  const pem = Buffer.from(cert, "base64").toString("latin1");
  const x509 = decode(pem);
  if (x509 === undefined) return { refusal: refused(ref, "CertificateUndecodable") };
  const fault = faultInSerial(x509.serialNumber) ?? faultOfValidity(x509, now);
  if (fault !== undefined) return { refusal: refused(ref, fault) };
  const thumbprint = x509.fingerprint256.replaceAll(":", "");
  return {
    certificate: {
      ref,
      pem,
      serial: x509.serialNumber.toUpperCase(),
      thumbprint,
      ...(device === undefined ? {} : { device }),
    },
  };
}

function faultOfValidity(x509: X509Certificate, now: number | undefined): EntryCode | undefined {
  return now === undefined ? undefined : faultInValidity(x509.validFromDate, x509.validToDate, now);
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

export function faultInSerial(serial: string): EntryCode | undefined {
  return /^[A-Za-z0-9_-]+$/.test(serial) ? undefined : "SerialUnusable";
}

/** An end that cannot be read is neither before nor after now, so it is caught by the second check. */
export function faultInValidity(notBefore: Date, notAfter: Date, now: number): EntryCode | undefined {
  if (now < notBefore.getTime() || now > notAfter.getTime()) return "ValidityOutOfRange";
  return Number.isNaN(notAfter.getTime()) ? "ExpirationUndecodable" : undefined;
}
