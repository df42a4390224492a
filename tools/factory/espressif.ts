import { randomBytes, randomUUID } from "node:crypto";
import type { FactoryDevice, Issuer } from "./issuer.ts";
import type { FactoryKeyType } from "./keys.ts";

export interface EspressifModule {
  /** 12 hex digits. */
  mac: string;
  /** A UUID. */
  cn: string;
  device: FactoryDevice;
}

/** Modules as Espressif ships them: known by a MAC address and by a UUID. They ship with RSA 2048 keys too. */
export async function espressifModules(
  issuer: Issuer,
  count: number,
  options: { keyType?: FactoryKeyType } = {},
): Promise<readonly EspressifModule[]> {
  const devices = await issuer.issueMany(count, { batchId: "", ...options });
  return devices.map((device) => ({
    mac: `7CDFA1${randomBytes(3).toString("hex").toUpperCase()}`,
    cn: randomUUID(),
    device,
  }));
}

export interface EspressifCsvOptions {
  /** Whether the column `cn` is there; it is unless this is false. */
  cn?: boolean;
  newline?: "\n" | "\r\n";
  separator?: "," | ";";
  bom?: boolean;
}

/** The CSV as it comes with a reel: `MAC,cn,cert` or `MAC,cert`, each certificate as quoted PEM of several lines. */
export function espressifCsv(modules: readonly EspressifModule[], options: EspressifCsvOptions = {}): string {
  const { cn: withCn = true, newline = "\n", separator = ",", bom = false } = options;
  const columns = withCn ? ["MAC", "cn", "cert"] : ["MAC", "cert"];
  const rows = modules.map(({ mac, cn, device }) => {
    const cert = `"${device.pem.replaceAll("\n", newline)}"`;
    return (withCn ? [mac, cn, cert] : [mac, cert]).join(separator);
  });
  return (bom ? "\uFEFF" : "") + [columns.join(separator), ...rows].map((row) => row + newline).join("");
}
