import { randomBytes } from "node:crypto";
import { createIssuer } from "../../../tools/factory/index.ts";

const SERIAL_BYTES = 16;
const DEVICE_ID_DIGITS = 20;

interface Template {
  readonly der: Buffer;
  readonly serialAt: number;
  readonly nameAt: number;
}

/** A certificate as it stands in a manifest. */
export interface MintedDevice {
  readonly deviceId: string;
  readonly der: Buffer;
}

/**
 * Device certificates by the million: real ones of the chip factory, of which serial number and name are
 * written over. Keys are valid ones, of a few devices; signatures do not fit, and nobody between a manifest
 * and a registry verifies them. Serial numbers have 16 bytes, for those of four collide in a million devices.
 */
export class Mint {
  readonly #templates: readonly Template[];

  private constructor(templates: readonly Template[]) {
    this.#templates = templates;
  }

  /** @param kinds how many real certificates, each with a key of its own, it works from */
  static async open(kinds = 16): Promise<Mint> {
    const issuer = await createIssuer();
    const templates = Array.from({ length: kinds }, async (): Promise<Template> => {
      const serial = randomBytes(SERIAL_BYTES);
      serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f);
      const deviceId = `0A09${randomBytes(8).toString("hex").toUpperCase()}`;
      const request = { batchId: "MINT", deviceId, serial: serial.toString("hex") };
      const der = Buffer.from((await issuer.issueDevice(request)).der);
      return { der, serialAt: only(der, serial), nameAt: only(der, Buffer.from(deviceId)) };
    });
    return new Mint(await Promise.all(templates));
  }

  /**
   * The device of this number on a reel; the same reel and number make the same id and serial number.
   * @param reel a number that tells reels apart
   */
  device(reel: number, ordinal: number): MintedDevice {
    const template = this.#templates[ordinal % this.#templates.length];
    if (template === undefined) throw new Error("a mint without templates");
    const der = Buffer.from(template.der);
    const deviceId = deviceIdOf(reel, ordinal);
    der.write(deviceId, template.nameAt, DEVICE_ID_DIGITS, "latin1");
    der.writeUInt32BE(reel, template.serialAt + 8);
    der.writeUInt32BE(ordinal, template.serialAt + 12);
    return { deviceId, der };
  }
}

/** `0A09`, the reel's number and the ordinal, eight hex digits each. */
export function deviceIdOf(reel: number, ordinal: number): string {
  return `0A09${hex(reel)}${hex(ordinal)}`;
}

/** What a device id was made of; undefined for an id of another make. */
export function originOf(deviceId: string): { reel: string; ordinal: number } | undefined {
  if (deviceId.length !== DEVICE_ID_DIGITS || !deviceId.startsWith("0A09")) return undefined;
  return { reel: deviceId.slice(4, 12), ordinal: Number.parseInt(deviceId.slice(12), 16) };
}

function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, "0");
}

function only(within: Buffer, part: Buffer): number {
  const at = within.indexOf(part);
  if (at < 0 || within.includes(part, at + 1)) throw new Error("the template does not hold it exactly once");
  return at;
}
