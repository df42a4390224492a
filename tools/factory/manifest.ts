import type { FactoryDevice } from "./issuer.ts";

/** How a certificate is written into its CSV field; all of these are met in the field. */
export type CertificateForm = "pem" | "escaped-pem" | "base64-der" | "base64-pem";

export interface ManifestOptions {
  /** Written as `group_id`. */
  batchId: string;
  newline?: "\n" | "\r\n" | "\r";
  bom?: boolean;
  certificateForm?: CertificateForm;
  separator?: "," | ";" | "\t";
  /**
   * Header names in the order to write them, any case; a name other than the three that vendors use
   * becomes a column of filler text. Default: `device_id`, `group_id`, `certificate`.
   */
  columns?: readonly string[];
}

type ManifestDevice = Pick<FactoryDevice, "deviceId" | "pem" | "der">;

/** A manifest file as the Cloud ID service gives it out: a header and one row a device. */
export function manifestCsv(devices: readonly ManifestDevice[], options: ManifestOptions): string {
  const newline = options.newline ?? "\n";
  const separator = options.separator ?? ",";
  const columns = options.columns ?? ["device_id", "group_id", "certificate"];
  const rows = devices.map((device) =>
    columns.map((column) => quoted(fieldOf(device, column, options), separator)).join(separator),
  );
  return (
    (options.bom ? "\uFEFF" : "") + [columns.join(separator), ...rows].map((row) => row + newline).join("")
  );
}

function fieldOf(device: ManifestDevice, column: string, options: ManifestOptions): string {
  switch (column.toLowerCase()) {
    case "device_id":
      return device.deviceId;
    case "group_id":
      return options.batchId;
    case "certificate":
      return CERTIFICATE_FIELDS[options.certificateForm ?? "pem"](device, options.newline ?? "\n");
    default:
      return `some, "${column}"`;
  }
}

const CERTIFICATE_FIELDS: Record<CertificateForm, (device: ManifestDevice, newline: string) => string> = {
  pem: (device, newline) => device.pem.replaceAll("\n", newline),
  "escaped-pem": (device) => device.pem.replaceAll("\n", String.raw`\n`),
  "base64-der": (device) => Buffer.from(device.der).toString("base64"),
  "base64-pem": (device) => Buffer.from(device.pem).toString("base64"),
};

function quoted(field: string, separator: string): string {
  const needed = /["\r\n]/.test(field) || field.includes(separator);
  return needed ? `"${field.replaceAll('"', '""')}"` : field;
}
