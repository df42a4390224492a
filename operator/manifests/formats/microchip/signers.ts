import { hash, type KeyObject, verify, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import { ManifestError } from "../../errors.ts";

/** A certificate that entries may be signed with. */
export interface Signer {
  /** For messages: the certificate's subject, in one line. */
  readonly name: string;
  readonly key: KeyObject;
  /** Epoch ms. */
  readonly validFrom: number;
  readonly validTo: number;
}

/** Signers by the base64url of their certificates' SHA-256, which is how a JWS names its own (RFC 7515, 4.1.8). */
export type Signers = ReadonlyMap<string, Signer>;

const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const verifyAside = promisify(verify);

/**
 * Reads the certificates of `spec.manifest.signers`. They are trusted as they stand: whoever declares the reel
 * vouches for them, and no chain is looked at.
 * @throws ManifestError InvalidSigners
 */
export function readSigners(pem: string): Signers {
  const blocks = pem.match(PEM) ?? [];
  const begun = pem.split("-----BEGIN ").length - 1;
  if (blocks.length === 0 || blocks.length !== begun) {
    throw invalid("it must hold certificates in PEM and nothing else");
  }
  return new Map(blocks.map((block, index) => readSigner(block, index + 1)));
}

function readSigner(block: string, number: number): [string, Signer] {
  let certificate: X509Certificate;
  let key: KeyObject;
  try {
    certificate = new X509Certificate(block);
    key = certificate.publicKey;
  } catch {
    throw invalid(`certificate ${number} of it cannot be read`);
  }
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw invalid(`the key of certificate ${number} is not on P-256, so it signs no ES256`);
  }
  const { raw, subject, validFromDate, validToDate } = certificate;
  const signer = {
    name: subject.replaceAll("\n", ", "),
    key,
    validFrom: validFromDate.getTime(),
    validTo: validToDate.getTime(),
  };
  return [hash("sha256", raw, "base64url"), signer];
}

/** Whether a signature is the signer's over the bytes: ES256, which is ECDSA with SHA-256 (RFC 7518, 3.4). */
export function isSignedBy({ key }: Signer, signed: Buffer, signature: Buffer): Promise<boolean> {
  // Beside the event loop: each takes some 100 µs, and a manifest has up to a million.
  return verifyAside("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, signature);
}

function invalid(why: string): ManifestError {
  return new ManifestError("InvalidSigners", `spec.manifest.signers cannot be used: ${why}`);
}
