import { createPublicKey, hash, type KeyObject, randomBytes, sign } from "node:crypto";
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension } from "@peculiar/x509";
import type { FactoryDevice, Issuer } from "./issuer.ts";
import { generateDeviceKey } from "./keys.ts";

/** Who signs the entries of manifests: Microchip has one for some years each. */
export interface LogSigner {
  /** What verifies: goes into `spec.manifest.signers`. */
  pem: string;
  der: Uint8Array;
  privateKey: KeyObject;
}

/** A log signer whose certificate the issuer signs. Valid from a year ago for ten years unless given. */
export async function createLogSigner(
  issuer: Issuer,
  options: { notBefore?: Date; notAfter?: Date } = {},
): Promise<LogSigner> {
  const { publicKey, privateKey } = await generateDeviceKey("P-256");
  const yearMs = 365.25 * 24 * 3600 * 1000;
  const notBefore = options.notBefore ?? new Date(Date.now() - yearMs);
  const certificate = await issuer.sign({
    subject: "CN=Log Signer Test, O=Certferry Demo",
    publicKey,
    notBefore,
    notAfter: options.notAfter ?? new Date(notBefore.getTime() + 10 * yearMs),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ],
  });
  return { ...certificate, privateKey };
}

export interface JwsOptions {
  groupId: string;
  signer: LogSigner;
  /**
   * Of the payload. 1: `publicKeySet` is an array of keys. 3, which is the default: an object with `keys`.
   * 2: there is no `publicKeySet`, so nothing can be provisioned.
   */
  version?: 1 | 2 | 3;
  /** Default: now. */
  provisionedAt?: Date;
  /** Certificates behind the device's own in `x5c`, in DER. */
  chain?: readonly Uint8Array[];
  /** Members of the payload to add or to replace. */
  payload?: Readonly<Record<string, unknown>>;
  /** Members of the protected header to add or to replace. */
  protected?: Readonly<Record<string, unknown>>;
}

export interface FlattenedJws {
  payload: string;
  protected: string;
  header: { uniqueId: string };
  signature: string;
}

/** Nine bytes, as secure elements of the ECC608 family are numbered. */
export function microchipUniqueId(): string {
  return `0123${randomBytes(6).toString("hex")}ee`;
}

/** One device's entry as Microchip's Trust Platform signs it. */
export function microchipJws(
  device: Pick<FactoryDevice, "deviceId" | "der" | "privateKey">,
  options: JwsOptions,
): FlattenedJws {
  const { version = 3, signer, groupId, provisionedAt = new Date() } = options;
  const uniqueId = device.deviceId;
  const { kty, crv, x, y } = createPublicKey(device.privateKey).export({ format: "jwk" });
  const x5c = [device.der, ...(options.chain ?? [])].map((der) => Buffer.from(der).toString("base64"));
  const keys = [
    { kid: "0", kty, crv, x, y, x5c },
    { kid: "1", kty, crv, x, y },
  ];
  const organization = (organizationName: string) => ({ organizationName });
  const payload = {
    version,
    model: "ATECC608B",
    partNumber: "ATECC608B-TNGTLSS-G",
    manufacturer: { ...organization("Microchip Technology Inc"), organizationalUnitName: "Secure Products" },
    provisioner: { ...organization("Microchip Technology Inc"), organizationalUnitName: "Secure Products" },
    [version === 1 ? "distributer" : "distributor"]: organization("Certferry Demo"),
    groupId,
    provisioningTimestamp: provisionedAt.toISOString(),
    uniqueId,
    ...(version === 1 ? { publicKeySet: keys } : {}),
    ...(version === 3 ? { publicKeySet: { keys } } : {}),
    ...options.payload,
  };
  const head = {
    typ: "JWT",
    alg: "ES256",
    kid: hash("sha1", signer.der, "base64url"),
    "x5t#S256": hash("sha256", signer.der, "base64url"),
    ...options.protected,
  };
  const [signedHead, signedPayload] = [base64url(head), base64url(payload)];
  const signature = sign("sha256", Buffer.from(`${signedHead}.${signedPayload}`), {
    key: signer.privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return {
    payload: signedPayload,
    protected: signedHead,
    header: { uniqueId },
    signature: signature.toString("base64url"),
  };
}

/** The manifest: a JSON array, indented as Microchip's are unless `indent` is 0. */
export function microchipJson(entries: readonly FlattenedJws[], indent = 2): string {
  return JSON.stringify(entries, undefined, indent);
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
