/**
 * A certificate as v1 wants it: PEM text (64 columns, a newline at its end), base64-encoded once more.
 * @param der X.509
 */
export function certificateText(der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("base64");
  const lines = base64.match(/.{1,64}/g) ?? [];
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  return Buffer.from(pem, "latin1").toString("base64");
}
