import "reflect-metadata";
import { KeyObject, randomBytes, webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { type FactoryKeyType, generateDeviceKey } from "./keys.ts";

cryptoProvider.set(webcrypto);

const YEAR_MS = 365.25 * 24 * 3600 * 1000;
const CA_CURVE = { name: "ECDSA", namedCurve: "P-384" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-384" } as const;

export interface DeviceRequest {
  /** The reel that the device ships on. It stands in the manifest, not in the certificate. */
  batchId: string;
  /** Default: 20 hex digits, as the chip ids of OPTIGA Trust M look. */
  deviceId?: string;
  /** Hex digits. Default: four random bytes that this issuer has not used yet. */
  serial?: string;
  notBefore?: Date;
  /** Default: 20 years after notBefore. */
  notAfter?: Date;
  keyType?: FactoryKeyType;
  /** A CA certificate where a leaf should be: what a reader has to refuse. */
  certificateAuthority?: boolean;
}

export interface FactoryDevice {
  deviceId: string;
  batchId: string;
  /** Hex digits, upper case. */
  serial: string;
  /** PEM text with `\n` line ends and one at its end. */
  pem: string;
  der: Uint8Array;
  privateKey: KeyObject;
}

export interface IssuedCertificate {
  pem: string;
  der: Uint8Array;
}

export interface Issuer {
  /** Distinguished name, as in `CN=Certferry Demo Trust CA, O=Certferry`. */
  readonly name: string;
  readonly pem: string;
  readonly der: Uint8Array;
  /** What it signs with: with `pem`, all that is needed to go on later as the same authority. */
  readonly privateKey: KeyObject;
  issueDevice(request: DeviceRequest): Promise<FactoryDevice>;
  /** `count` devices that differ in device id, key and serial; some hundreds a second with P-256. */
  issueMany(
    count: number,
    request: Omit<DeviceRequest, "deviceId" | "serial">,
  ): Promise<readonly FactoryDevice[]>;
  /** Signs whatever it is given. */
  sign(request: {
    subject: string;
    publicKey: KeyObject;
    serial?: string;
    notBefore: Date;
    notAfter: Date;
    extensions: Extension[];
  }): Promise<IssuedCertificate>;
}

/** A certificate authority that was made earlier: its certificate, and the private key that belongs to it (P-384). */
export interface Authority {
  readonly pem: string;
  readonly privateKey: KeyObject;
}

/**
 * A certificate authority, P-384, in the manner of the ones that sign OPTIGA Trust M certificates: a new one, or one
 * that goes on (`authority`; its name is then in its certificate).
 */
export async function createIssuer(
  options: { name?: string; now?: Date; authority?: Authority } = {},
): Promise<Issuer> {
  const now = options.now ?? new Date();
  const { own, signingKey } =
    options.authority === undefined
      ? await newAuthority(options.name ?? "CN=Certferry Demo Trust CA, O=Certferry", now)
      : await earlierAuthority(options.authority);
  const name = own.subject;
  const used = new Set<string>();

  async function sign(request: Parameters<Issuer["sign"]>[0]): Promise<IssuedCertificate> {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: request.serial ?? freshSerial(),
      subject: request.subject,
      issuer: name,
      notBefore: request.notBefore,
      notAfter: request.notAfter,
      signingAlgorithm: SIGNATURE,
      publicKey: new Uint8Array(request.publicKey.export({ type: "spki", format: "der" })),
      signingKey,
      extensions: request.extensions,
    });
    return { pem: `${certificate.toString("pem")}\n`, der: new Uint8Array(certificate.rawData) };
  }

  function unusedSerial(): string {
    let serial = freshSerial();
    while (used.has(serial)) serial = freshSerial();
    used.add(serial);
    return serial;
  }

  async function issueDevice(request: DeviceRequest): Promise<FactoryDevice> {
    const { publicKey, privateKey } = await generateDeviceKey(request.keyType ?? "P-256");
    const deviceId = request.deviceId ?? freshDeviceId();
    const serial = request.serial?.toUpperCase() ?? unusedSerial();
    const notBefore = request.notBefore ?? hourBefore(now);
    const notAfter = request.notAfter ?? yearsAfter(notBefore, 20);
    const extensions = request.certificateAuthority ? caExtensions() : leafExtensions();
    const subject = `CN=${deviceId}, O=Certferry Demo`;
    const issued = await sign({ subject, publicKey, serial, notBefore, notAfter, extensions });
    return { deviceId, batchId: request.batchId, serial, privateKey, ...issued };
  }

  async function issueMany(
    count: number,
    request: Omit<DeviceRequest, "deviceId" | "serial">,
  ): Promise<readonly FactoryDevice[]> {
    const devices: FactoryDevice[] = [];
    while (devices.length < count) {
      const batch = Array.from({ length: Math.min(16, count - devices.length) }, () => issueDevice(request));
      devices.push(...(await Promise.all(batch)));
    }
    return devices;
  }

  const pem = `${own.toString("pem")}\n`;
  const privateKey = KeyObject.from(signingKey);
  return { name, pem, der: new Uint8Array(own.rawData), privateKey, issueDevice, issueMany, sign };
}

interface Signer {
  readonly own: X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

async function newAuthority(name: string, now: Date): Promise<Signer> {
  const keys = await webcrypto.subtle.generateKey(CA_CURVE, true, ["sign", "verify"]);
  const own = await X509CertificateGenerator.createSelfSigned({
    serialNumber: freshSerial(),
    name,
    notBefore: hourBefore(now),
    notAfter: yearsAfter(now, 30),
    signingAlgorithm: SIGNATURE,
    keys,
    extensions: caExtensions(),
  });
  return { own, signingKey: keys.privateKey };
}

async function earlierAuthority({ pem, privateKey }: Authority): Promise<Signer> {
  const der = new Uint8Array(privateKey.export({ type: "pkcs8", format: "der" }));
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der, CA_CURVE, true, ["sign"]);
  return { own: new X509Certificate(pem), signingKey };
}

function caExtensions(): Extension[] {
  return [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ];
}

function leafExtensions(): Extension[] {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  ];
}

/** Four bytes, as in real samples; the first keeps the DER integer positive and four bytes long. */
function freshSerial(): string {
  const bytes = randomBytes(4);
  bytes[0] = 0x10 | ((bytes[0] ?? 0) & 0x6f);
  return bytes.toString("hex").toUpperCase();
}

function freshDeviceId(): string {
  return `0A09${randomBytes(8).toString("hex").toUpperCase()}`;
}

function hourBefore(date: Date): Date {
  return new Date(date.getTime() - 3600 * 1000);
}

function yearsAfter(date: Date, years: number): Date {
  return new Date(date.getTime() + years * YEAR_MS);
}
