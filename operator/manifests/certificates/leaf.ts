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
/** RFC 5280, 4.1.2.2. */
const MOST_SERIAL_BYTES = 20;

/** The object identifiers of two extensions in DER: RFC 5280, 4.2.1.9 and 4.2.1.3. */
const BASIC_CONSTRAINTS = Buffer.from("0603551d13", "hex");
const KEY_USAGE = Buffer.from("0603551d0f", "hex");
/** The bit keyCertSign in the first byte of a key usage. */
const KEY_CERT_SIGN = 0x04;

/** The curves that product clouds take. */
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
  if (certificate.ca || signsCertificates(der)) {
    return refuse("NotALeaf", "this is the certificate of a certificate authority, not of a device");
  }
  const { serialNumber: serial } = certificate;
  const serialBytes = Math.ceil(serial.replace("-", "").length / 2);
  if (serialBytes > MOST_SERIAL_BYTES) {
    return refuse(
      "InvalidSerial",
      `the serial number has ${serialBytes} bytes; ${MOST_SERIAL_BYTES} are the most that RFC 5280 allows`,
    );
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
      serial,
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

/**
 * Whether an extension makes this a certificate that may sign others. X509Certificate's `ca` asks for the
 * authority and the key usage together, and each alone is enough to keep it out of a product cloud.
 */
function signsCertificates(der: Buffer): boolean {
  const constraints = extensionValue(der, BASIC_CONSTRAINTS);
  if (constraints?.[0] === 0x30 && constraints[2] === 0x01 && constraints[4] !== 0) return true;
  const usage = extensionValue(der, KEY_USAGE);
  return usage?.[0] === 0x03 && ((usage[3] ?? 0) & KEY_CERT_SIGN) !== 0;
}

/** What the extension's OCTET STRING holds; short forms of length only, as these two always have. */
function extensionValue(der: Buffer, oid: Buffer): Buffer | undefined {
  const at = der.indexOf(oid);
  if (at < 0) return undefined;
  const after = der.subarray(at + oid.length);
  const value = after[0] === 0x01 ? after.subarray(3) : after;
  return value[0] === 0x04 ? value.subarray(2) : undefined;
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
    const keyType = CURVES[namedCurve];
    if (keyType !== undefined) return { keyType };
    if (bits < LEAST_EC_BITS) {
      return refuse(
        "WeakKey",
        `the key is on the curve ${namedCurve}; curves of ${LEAST_EC_BITS} bits are the least`,
      );
    }
    return refuse(
      "UnsupportedKey",
      `the key is on the curve ${namedCurve}; ${Object.values(CURVES).join(", ")} are what product clouds take`,
    );
  }
  if (type === "ed25519" || type === "ed448") return { keyType: type === "ed448" ? "Ed448" : "Ed25519" };
  if (type.startsWith("ml-dsa")) return { keyType: type.toUpperCase() };
  return refuse("UnsupportedKey", `the key is of the kind "${type}", which no product cloud takes`);
}

function refuse(reason: Refusal["reason"], message: string): { refusal: Refusal } {
  return { refusal: { reason, message } };
}
