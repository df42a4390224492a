import { randomBytes } from "node:crypto";
import {
  createIssuer,
  createLogSigner,
  type FactoryDevice,
  type LogSigner,
  microchipJws,
  microchipJson,
  microchipUniqueId,
  optigaArchiveName,
  pack7z,
  type PackOptions,
} from "../../../../tools/factory/index.ts";

/** One entry to write: whose, with what in the place of its certificate, and in which group. */
export interface Item {
  id: string;
  /** PEM, or any other text. */
  certificate: string;
  group?: string;
}

/** How a whole file is written. */
export interface Shape {
  crlf?: boolean;
  bom?: boolean;
  utf16?: "le" | "be";
  semicolons?: boolean;
  /** Behind the last entry. */
  trailing?: string;
}

/** For tests: one vendor's format, written from the same items as the others. */
export interface Kit {
  readonly format: string;
  /** What its groups are written as when an item does not say; undefined where it has none. */
  readonly batchId: string;
  readonly hasGroups: boolean;
  readonly isTable: boolean;
  newId(): string;
  write(items: readonly Item[], shape?: Shape): Promise<Buffer>;
  /** As `write`, in an archive; in the one inside where archives are nested. */
  pack(items: readonly Item[], packing?: PackOptions): Promise<Buffer>;
}

/** A text as a file, in the encoding and with the line ends that are asked for. */
export function encoded(text: string, { crlf = false, bom = false, utf16 }: Shape): Buffer {
  const lines = crlf ? text.replaceAll("\n", "\r\n") : text;
  const marked = bom || utf16 !== undefined ? `\uFEFF${lines}` : lines;
  if (utf16 === undefined) return Buffer.from(marked);
  const bytes = Buffer.from(marked, "utf16le");
  return utf16 === "be" ? bytes.swap16() : bytes;
}

let chips = 0;

/** Later ones sort behind earlier ones, as 7-Zip packs files in the order of their names. */
function chipId(): string {
  chips += 1;
  return `0A09${chips.toString(16).padStart(4, "0")}${randomBytes(6).toString("hex")}`.toUpperCase();
}

function table(format: string, header: readonly string[], newId: () => string, hasGroups: boolean): Kit {
  const write = (items: readonly Item[], shape: Shape = {}): Promise<Buffer> => {
    const separator = shape.semicolons === true ? ";" : ",";
    const rows = items.map(({ id, certificate, group = "D001" }) =>
      [id, ...(hasGroups ? [group] : []), `"${certificate}"`].join(separator),
    );
    const lines = [header.join(separator), ...rows].map((row) => `${row}\n`).join("");
    return Promise.resolve(encoded(lines + (shape.trailing ?? ""), shape));
  };
  return {
    format,
    batchId: "D001",
    hasGroups,
    isTable: true,
    newId,
    write,
    pack: async (items, packing) => Buffer.from(await pack7z({ "a.csv": await write(items) }, packing)),
  };
}

export const cloudIdKit: Kit = table("CloudIdCsv", ["device_id", "group_id", "certificate"], chipId, true);

export const espressifKit: Kit = table(
  "EspressifCsv",
  ["MAC", "cert"],
  () => randomBytes(6).toString("hex").toUpperCase(),
  false,
);

/** Microchip's; the texts of certificates are put into `x5c` as base64 of DER where they are PEM of one. */
export function microchipKit(signer: LogSigner, device: FactoryDevice): Kit {
  const write = (items: readonly Item[], shape: Shape = {}): Promise<Buffer> => {
    const entries = items.map(({ id, certificate, group = "D001" }) => {
      const key = { kid: "0", kty: "EC", crv: "P-256", x5c: [inX5c(certificate)] };
      const payload = { publicKeySet: { keys: [key] } };
      return microchipJws({ ...device, deviceId: id }, { groupId: group, signer, payload });
    });
    return Promise.resolve(encoded(`${microchipJson(entries)}${shape.trailing ?? ""}`, shape));
  };
  return {
    format: "MicrochipJson",
    batchId: "D001",
    hasGroups: true,
    isTable: false,
    newId: microchipUniqueId,
    write,
    pack: async (items, packing) => Buffer.from(await pack7z({ "a.json": await write(items) }, packing)),
  };
}

function inX5c(text: string): string {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----\n([^-]*)-----END CERTIFICATE-----\n/g) ?? [];
  const isOne = blocks.length === 1 && blocks[0] === text;
  return isOne ? text.replaceAll(/-----[^-]*-----|\s/g, "") : text;
}

const REEL = "0A091B5C001500B6";

/** OPTIGA Trust M Express, E0E0 alone. Shapes are those of the PEM files; the group is the archive's. */
export const optigaKit: Kit = {
  format: "OptigaTrustM",
  batchId: REEL,
  hasGroups: true,
  isTable: false,
  newId: chipId,
  write: (items, shape) => optiga(items, shape ?? {}, {}),
  pack: (items, packing) => optiga(items, {}, packing ?? {}),
};

async function optiga(items: readonly Item[], shape: Shape, packing: PackOptions): Promise<Buffer> {
  const groups = Map.groupBy(items, ({ group = REEL }) => group);
  const inner: Record<string, Uint8Array> = {};
  for (const [group, members] of groups.size === 0 ? new Map([[REEL, []]]) : groups) {
    const files = members.map(({ id, certificate }, index) => {
      // One device twice: in a folder of its own, for a name is there once.
      const folder = members.findIndex((other) => other.id === id) === index ? "" : `again-${index}-`;
      return { name: `${id}_E0E0.pem`, folder, bytes: encoded(certificate + (shape.trailing ?? ""), shape) };
    });
    const named = Object.fromEntries(
      files.map(({ name, folder, bytes }) => [folder === "" ? name : `${folder}/${name}`, bytes]),
    );
    inner[optigaArchiveName(group, "5E6F", "E0E0")] = await pack7z(named, packing);
  }
  return Buffer.from(await pack7z({ ...inner, "README.txt": "A reel.\n" }, { filter: "BCJ" }));
}

export interface KitBench {
  readonly kits: readonly Kit[];
  readonly signer: LogSigner;
}

/** For tests: all four formats. */
export async function allKits(): Promise<KitBench> {
  const issuer = await createIssuer();
  const [signer, device] = await Promise.all([createLogSigner(issuer), issuer.issueDevice({ batchId: "" })]);
  return { kits: [cloudIdKit, espressifKit, microchipKit(signer, device), optigaKit], signer };
}
