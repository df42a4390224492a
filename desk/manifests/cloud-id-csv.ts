/** The header of a manifest as the Cloud ID service gives it out. */
export const CLOUD_ID_HEADER = "device_id,group_id,certificate\n";

const PEM_COLUMNS = /.{1,64}/g;

/** One device's row: its certificate as PEM, in quotes, for it has several lines. */
export function cloudIdRow(device: { deviceId: string; batchId: string; der: Uint8Array }): string {
  const base64 = Buffer.from(device.der).toString("base64").replaceAll(PEM_COLUMNS, "$&\n");
  const pem = `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`;
  return `${field(device.deviceId)},${field(device.batchId)},"${pem}"\n`;
}

/** A field of a CSV file (RFC 4180): in quotes where it needs them. */
export function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
