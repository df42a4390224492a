import { X509Certificate } from "node:crypto";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";

/** A `caBundle` that holds no certificate, or one that cannot be read. */
export class CaBundleUnreadable extends Error {
  override readonly name = "CaBundleUnreadable";
  readonly code = "CA_BUNDLE_UNREADABLE";
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Trust in the public roots and, besides, in the certificates of a bundle.
 * @param bundle PEM, one certificate or several; text between them is ignored
 * @throws CaBundleUnreadable
 */
export function trustBesidesRoots(bundle: string): SecureContext {
  const blocks = bundle.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0) {
    throw new CaBundleUnreadable(
      "caBundle holds no certificate: it must be PEM (-----BEGIN CERTIFICATE-----)",
    );
  }
  const ca = blocks.map((pem, index) => {
    try {
      return new X509Certificate(pem).toString();
    } catch (cause) {
      throw new CaBundleUnreadable(`caBundle: certificate ${index + 1} cannot be read`, { cause });
    }
  });
  return createSecureContext({ ca: [...getCACertificates("default"), ...ca] });
}
