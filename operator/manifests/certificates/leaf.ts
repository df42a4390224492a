import { hash, type KeyObject, X509Certificate } from "node:crypto";
import { printable } from "../printable.ts";
import type { Refusal } from "./encoding.ts";

/** What is needed of a device's certificate. */
export interface Leaf {
  der: Buffer;
  fingerprint: string;
  serial: string;
  issuer: string;
  notAfter: Date;
  keyType: string;
}

/** Smallest keys that product clouds take, in bits. */
const LEAST_RSA_BITS = 2048;
const LEAST_EC_BITS = 256;

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
};

/** Parses one certificate and checks what can be known from it alone and the time. */
export function readLeaf(der: Buffer, now: Date): { leaf: Leaf } | { refusal: Refusal } {
  const certificate = parse(der);
  if (certificate === undefined) {
    return refuse("CertificateUnreadable", "the certificate field holds no X.509 certificate");
  }
  if (certificate.raw.length !== der.length) {
    return refuse(
      "CertificateUnreadable",
      `${der.length - certificate.raw.length} bytes follow the certificate`,
    );
  }
  if (certificate.ca) {
    return refuse("NotALeaf", "this is the certificate of a certificate authority, not of a device");
  }
  const key = readKey(certificate);
  if ("refusal" in key) return key;
  const { validFromDate: notBefore, validToDate: notAfter } = certificate;
  if (Number.isNaN(notBefore.getTime()) || Number.isNaN(notAfter.getTime())) {
    return refuse("CertificateUnreadable", "the certificate's validity cannot be read");
  }
  if (now > notAfter)
    return refuse("CertificateExpired", `the certificate expired at ${notAfter.toISOString()}`);
  if (now < notBefore) {
    return refuse("CertificateNotYetValid", `the certificate is valid from ${notBefore.toISOString()} on`);
  }
  return {
    leaf: {
      der,
      fingerprint: hash("sha256", der, "hex"),
      serial: certificate.serialNumber,
      issuer: printable(certificate.issuer.replaceAll("\n", ", "), 512),
      notAfter,
      keyType: key.keyType,
    },
  };
}

function parse(der: Buffer): X509Certificate | undefined {
  // X509Certificate would take PEM as well, and then the bytes that go on would be others than these.
  if (der[0] !== 0x30) return undefined;
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function readKey(certificate: X509Certificate): { keyType: string } | { refusal: Refusal } {
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    return refuse("UnsupportedKey", "the certificate's public key is of a kind that cannot be read");
  }
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType ?? "unknown";
  if (modulusLength !== undefined && (type === "rsa" || type === "rsa-pss")) {
    if (modulusLength >= LEAST_RSA_BITS) return { keyType: `RSA-${modulusLength}` };
    return refuse("WeakKey", `the key is RSA with ${modulusLength} bits; ${LEAST_RSA_BITS} are the least`);
  }
  if (type === "ec" && namedCurve !== undefined) {
    const bits = Number(/\d{3}/.exec(namedCurve)?.[0] ?? 0);
    if (bits >= LEAST_EC_BITS) return { keyType: CURVES[namedCurve] ?? namedCurve };
    return refuse(
      "WeakKey",
      `the key is on the curve ${namedCurve}; curves of ${LEAST_EC_BITS} bits are the least`,
    );
  }
  if (type === "ed25519" || type === "ed448") return { keyType: type === "ed448" ? "Ed448" : "Ed25519" };
  if (type.startsWith("ml-dsa")) return { keyType: type.toUpperCase() };
  return refuse("UnsupportedKey", `the key is of the kind "${type}", which no product cloud takes`);
}

function refuse(reason: Refusal["reason"], message: string): { refusal: Refusal } {
  return { refusal: { reason, message } };
}
