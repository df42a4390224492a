import { DerReader, INTEGER, SEQUENCE } from "../der.ts";

const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";

/**
 * The serial number of a certificate as v1 sends it (base64 of PEM), in upper-case hex; undefined for what is
 * none. Reads DER only as far as needed: a callee that builds an X509Certificate takes 200 µs for each, and a
 * benchmark against it measures the callee.
 */
export function serialOf(cert: string): string | undefined {
  const pem = Buffer.from(cert, "base64").toString("latin1");
  const begin = pem.indexOf(BEGIN);
  const end = pem.indexOf(END);
  if (begin < 0 || end < begin) return undefined;
  const der = Buffer.from(pem.slice(begin + BEGIN.length, end), "base64");
  const reader = new DerReader(der);
  if (!reader.expect(SEQUENCE, 0, der.length) || reader.end !== der.length) return undefined;
  if (!reader.expect(SEQUENCE, reader.start, reader.end)) return undefined;
  const limit = reader.end;
  // [0] version, which only the first version of X.509 leaves out.
  if (!reader.read(reader.start, limit)) return undefined;
  if (reader.tag === 0xa0 && !reader.read(reader.end, limit)) return undefined;
  if (reader.tag !== INTEGER || reader.start === reader.end) return undefined;
  return der.toString("hex", reader.start, reader.end).toUpperCase();
}
