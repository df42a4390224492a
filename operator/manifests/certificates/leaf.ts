import { hash } from "node:crypto";
import type { Refusal } from "./encoding.ts";
import { type LeafFacts, readByLibrary } from "./library.ts";
import { readPlainLeaf } from "./plain.ts";

/** What is needed of a device's certificate. */
export interface Leaf {
  der: Buffer;
  fingerprint: string;
  serial: string;
  issuer: string;
  notAfter: Date;
  keyType: string;
}

/** Issuers of which the name's text is remembered. */
const REMEMBERED = 1_000;

/**
 * Checks what can be known of certificates from each alone and the time. Those in the usual form are read by plain.ts
 * at some ten times the speed of node:crypto, which has the last word on all others. Where an issuer is met for the
 * first time, its certificate goes to node:crypto as well, whose text for the issuer's name is then kept.
 */
export class LeafReader {
  readonly #now: Date;
  readonly #issuers = new Map<string, string>();

  /** @param now decides what has expired and what is not valid yet */
  constructor(now: Date) {
    this.#now = now;
  }

  read(der: Buffer): { leaf: Leaf } | { refusal: Refusal } {
    const facts = this.#facts(der);
    if ("reason" in facts) return { refusal: facts };
    const { serial, issuer, notBefore, notAfter, keyType } = facts;
    if (this.#now > notAfter) {
      return refuse("CertificateExpired", `the certificate expired at ${notAfter.toISOString()}`);
    }
    if (this.#now < notBefore) {
      return refuse("CertificateNotYetValid", `the certificate is valid from ${notBefore.toISOString()} on`);
    }
    return { leaf: { der, fingerprint: hash("sha256", der, "hex"), serial, issuer, notAfter, keyType } };
  }

  #facts(der: Buffer): LeafFacts | Refusal {
    const plain = readPlainLeaf(der);
    if (plain === undefined) return readByLibrary(der);
    const issuer = this.#issuers.get(plain.issuerKey);
    if (issuer === undefined) {
      const facts = readByLibrary(der);
      if (!("reason" in facts)) this.#remember(plain.issuerKey, facts.issuer);
      return facts;
    }
    const { serial, keyType } = plain;
    return {
      serial,
      issuer,
      keyType,
      notBefore: new Date(plain.notBefore),
      notAfter: new Date(plain.notAfter),
    };
  }

  #remember(key: string, issuer: string): void {
    if (this.#issuers.size >= REMEMBERED) this.#issuers.clear();
    this.#issuers.set(key, issuer);
  }
}

function refuse(reason: Refusal["reason"], message: string): { refusal: Refusal } {
  return { refusal: { reason, message } };
}
