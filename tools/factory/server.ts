import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
} from "@peculiar/x509";
import { createIssuer, type Issuer } from "./issuer.ts";
import { generateDeviceKey } from "./keys.ts";

const DAY_MS = 24 * 3600 * 1000;

export interface ServerCertificate {
  /** The server's certificate alone. */
  certPem: string;
  /** PKCS#8. */
  keyPem: string;
  /** Whom a client has to trust. */
  caPem: string;
}

/**
 * A TLS server certificate for names and addresses such as `127.0.0.1`; valid a year from an hour ago.
 * Each call makes a CA of its own unless `issuer` is given; a client that does not know it refuses it.
 */
export async function issueServerCertificate(request: {
  hosts: readonly string[];
  notBefore?: Date;
  notAfter?: Date;
  issuer?: Issuer;
}): Promise<ServerCertificate> {
  const issuer = request.issuer ?? (await createIssuer({ name: "CN=Certferry Loopback CA, O=Certferry" }));
  const { publicKey, privateKey } = await generateDeviceKey("P-256");
  const notAfter = request.notAfter ?? new Date(Date.now() + 365 * DAY_MS);
  const notBefore = request.notBefore ?? new Date(Math.min(Date.now(), notAfter.getTime()) - DAY_MS / 24);
  const { pem } = await issuer.sign({
    subject: `CN=${request.hosts[0] ?? "localhost"}`,
    publicKey,
    notBefore,
    notAfter,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        request.hosts.map((host) => ({ type: isIP(host) === 0 ? "dns" : "ip", value: host })),
      ),
    ],
  });
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { certPem: pem, keyPem, caPem: issuer.pem };
}
