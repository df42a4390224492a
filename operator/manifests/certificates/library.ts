import { type KeyObject, X509Certificate } from "node:crypto";
import { printable } from "../printable.ts";
import type { Refusal } from "./encoding.ts";

/** What a certificate says that may be a device's. */
export interface LeafFacts {
  /** Hex in upper case. */
  serial: string;
  issuer: string;
  notBefore: Date;
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

/**
 * Parses one certificate with node:crypto and checks what can be known from it alone. It has the last word on every
 * certificate that plain.ts does not read, and the tests hold that one against it.
 */
export function readByLibrary(der: Buffer): LeafFacts | Refusal {
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
  if ("reason" in key) return key;
  const { validFromDate: notBefore, validToDate: notAfter } = certificate;
  // The dates of a time that cannot be read are any dates; only its text says so.
  const texts = [certificate.validFrom, certificate.validTo];
  if (texts.some((text) => Number.isNaN(Date.parse(text))) || !isDate(notBefore) || !isDate(notAfter)) {
    return refuse("CertificateUnreadable", "the certificate's validity cannot be read");
  }
  // Undefined where the name is empty, which the types do not say.
  const name = (certificate.issuer as string | undefined) ?? "";
  const issuer = printable(name.replaceAll("\n", ", "), 512);
  return { serial, issuer, notBefore, notAfter, keyType: key.keyType };
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
 * authority and the key usage together, and each alone is enough to keep it out of a product cloud. It is looked at
 * wherever the object identifiers stand, so that none of them is hidden by an earlier one in a name.
 */
function signsCertificates(der: Buffer): boolean {
  const isAuthority = (value: Buffer): boolean =>
    value[0] === 0x30 && value[2] === 0x01 && value[4] !== 0 && value[4] !== undefined;
  const maySign = (value: Buffer): boolean => value[0] === 0x03 && ((value[3] ?? 0) & KEY_CERT_SIGN) !== 0;
  return (
    extensionValues(der, BASIC_CONSTRAINTS).some(isAuthority) || extensionValues(der, KEY_USAGE).some(maySign)
  );
}

/** What the extension's OCTET STRINGs hold; short forms of length only, as these two always have. */
function extensionValues(der: Buffer, oid: Buffer): Buffer[] {
  const values: Buffer[] = [];
  for (let at = der.indexOf(oid); at >= 0; at = der.indexOf(oid, at + 1)) {
    const after = der.subarray(at + oid.length);
    const value = after[0] === 0x01 ? after.subarray(3) : after;
    if (value[0] === 0x04) values.push(value.subarray(2));
  }
  return values;
}

function isDate(date: Date): boolean {
  return !Number.isNaN(date.getTime());
}

function readKey(certificate: X509Certificate): { keyType: string } | Refusal {
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

function refuse(reason: Refusal["reason"], message: string): Refusal {
  return { reason, message };
}
