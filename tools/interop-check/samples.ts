import { randomBytes, X509Certificate } from "node:crypto";
import { createIssuer, type DeviceRequest, type Issuer } from "../factory/index.ts";

/** A certificate that a callee is sent. */
export interface Sample {
  readonly pem: string;
  /** Upper-case hex. */
  readonly serial: string;
  /** SHA-256 of the DER, upper-case hex. */
  readonly fingerprint: string;
  /** What it is called in requests. */
  readonly device: string;
  /** Made for this check, or the user's own. */
  readonly origin: "minted" | "given";
}

/** A file that should hold certificates and does not. The message says what is wrong. */
export class SamplesUnreadable extends Error {
  override readonly name = "SamplesUnreadable";
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
/** The Product Batch ID that requests name where the callee wants one. */
export const CHECK_BATCH = "interop-check";
const DAY_MS = 86_400_000;

/**
 * @param text PEM, one certificate after another; private keys in it are not looked at
 * @throws SamplesUnreadable
 */
export function readSamples(text: string): Sample[] {
  const samples = [...text.matchAll(PEM)].map(([pem], index) => {
    try {
      return sampleOf(`${pem.replaceAll("\r\n", "\n")}\n`, "given");
    } catch {
      throw new SamplesUnreadable(`certificate ${index + 1} cannot be read`);
    }
  });
  if (samples.length === 0) {
    throw new SamplesUnreadable("there is no certificate in it (-----BEGIN CERTIFICATE-----)");
  }
  return samples;
}

function sampleOf(pem: string, origin: Sample["origin"]): Sample {
  const x509 = new X509Certificate(pem);
  const fingerprint = x509.fingerprint256.replaceAll(":", "");
  return { pem, serial: x509.serialNumber, fingerprint, device: `check-${fingerprint.slice(0, 20)}`, origin };
}

/** What a check may ask of a certificate that is made for it. */
export type Mint = Pick<DeviceRequest, "serial" | "notBefore" | "notAfter" | "keyType">;

/** The certificates of one run: the user's own where some are given, else new ones of a CA that is made for it. */
export class Samples {
  readonly given: readonly Sample[];
  #issuer: Promise<Issuer> | undefined;

  constructor(given: readonly Sample[]) {
    this.given = given;
  }

  /** How many certificates there are that the callee should let in. */
  get available(): number {
    return this.given.length === 0 ? Number.POSITIVE_INFINITY : this.given.length;
  }

  /** Certificates that the callee should let in: new ones, or the first of those given. */
  async good(count: number): Promise<Sample[]> {
    if (this.given.length > 0) return this.given.slice(0, count);
    return Promise.all(Array.from({ length: count }, () => this.mint()));
  }

  /** A new certificate. Its serial number has 16 bytes unless told, so it is no real device's. */
  async mint(request: Mint = {}): Promise<Sample> {
    this.#issuer ??= createIssuer({ name: "CN=Certferry Interop Check CA, O=Certferry" });
    const issuer = await this.#issuer;
    const device = await issuer.issueDevice({ batchId: CHECK_BATCH, serial: longSerial(), ...request });
    return sampleOf(device.pem, "minted");
  }

  async expired(): Promise<Sample> {
    const now = Date.now();
    return this.mint({ notBefore: new Date(now - 30 * DAY_MS), notAfter: new Date(now - 2 * DAY_MS) });
  }

  async notYetValid(): Promise<Sample> {
    return this.mint({ notBefore: new Date(Date.now() + 2 * DAY_MS) });
  }

  /** Two certificates of one serial number, with keys of their own. */
  async twins(): Promise<readonly [Sample, Sample]> {
    const serial = longSerial();
    return [await this.mint({ serial }), await this.mint({ serial })];
  }
}

/** The first byte keeps the DER integer positive and 16 bytes long. */
function longSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString("hex").toUpperCase();
}
