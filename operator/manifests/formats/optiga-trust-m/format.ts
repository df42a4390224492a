import { ManifestError } from "../../errors.ts";
import { byteSize } from "../../printable.ts";
import { containsPrivateKey, isEncodedPrivateKey, PrivateKeyScan } from "../../private-keys.ts";
import type { ReadLimits } from "../../records.ts";
import type { Entry, ManifestFormat, NestedFile, NestedMember } from "../port.ts";
import { toUtf8 } from "../text.ts";

/** `<reel id>_<GUID>_<data object>_Certs.7z`, in a folder or not. */
const MEMBER = /(?:^|\/)([0-9A-F]{16})_[^/]+_(E0E[0-9A-F])_Certs\.7z$/i;
/** `<chip id>_<data object>.pem`. */
const CERTIFICATE = /(?:^|\/)([^/]*)_(E0E[0-9A-F])\.pem$/i;
const CHIP_ID = /^[0-9A-F]{20}$/i;
/** Encrypted with the reel's transport key: platform binding secrets and authorization keys. */
const KEYS = /_keys\.7z$/i;

const DEFAULT_SLOT = "E0E0";

/**
 * The archive of a reel as OPTIGA Trust M Express has it: an archive for each data object that holds a
 * certificate, in which each chip's certificate is a PEM file named after the chip. The chip is the device, and
 * the reel that stands in the archives' names is the group of all. One slot's archive by itself is taken as well;
 * what reel it is of is not in it.
 */
export const optigaTrustM: ManifestFormat = {
  name: "OptigaTrustM",
  looksLike: "an archive of archives of certificates, as OPTIGA Trust M Express has it",
  accepts: (content) => content.kind === "nested",
  nesting: {
    isMember: (name) => MEMBER.test(name),
    isSecret: (name) => KEYS.test(name),
    isCertificate: (name) => CERTIFICATE.test(name),
  },
  async *entries(content, limits, signal, { certificateSlot } = {}) {
    if (content.kind !== "nested") throw new ManifestError("NotAManifest", "it is no archive of archives");
    const wanted = slotOf(content.members, certificateSlot?.toUpperCase());
    const present = new Set<string>();
    let count = 0;
    for (const member of content.members) {
      const [, reelId, slot] = MEMBER.exec(member.name) ?? [];
      if (slot !== undefined && slot.toUpperCase() !== wanted) continue;
      for await (const files of member.files(signal)) {
        const entries: Entry[] = [];
        for (const file of files) {
          const own = CERTIFICATE.exec(file.name)?.[2]?.toUpperCase();
          if (own !== undefined) present.add(own);
          // Where the files stand in the manifest itself, those of other slots may stand beside.
          if (slot === undefined && own !== undefined && own !== (wanted ?? [...present][0])) continue;
          count += 1;
          entries.push(entryOf(count, file, { reelId, slot: wanted, limits }));
        }
        yield entries;
      }
    }
    if (count === 0 && present.size > 0 && wanted !== undefined) throw noSuchSlot(wanted, [...present]);
  },
};

/**
 * The slot to read: the one that is asked for, or E0E0, or the only one that is there. Undefined where nothing is
 * asked for and the files of the one slot stand in the manifest itself.
 * @throws ManifestError SlotNotFound
 */
function slotOf(members: readonly NestedMember[], asked: string | undefined): string | undefined {
  const present = members.flatMap(({ name }) => MEMBER.exec(name)?.[2]?.toUpperCase() ?? []);
  if (present.length === 0) return asked;
  const wanted = asked ?? (present.includes(DEFAULT_SLOT) ? DEFAULT_SLOT : undefined);
  if (wanted === undefined && new Set(present).size === 1) return present[0];
  if (wanted === undefined || !present.includes(wanted)) throw noSuchSlot(wanted ?? DEFAULT_SLOT, present);
  return wanted;
}

function noSuchSlot(wanted: string, present: readonly string[]): ManifestError {
  const there = [...new Set(present)].toSorted().join(", ");
  return new ManifestError(
    "SlotNotFound",
    `the manifest has no certificates of slot ${wanted}, but of ${there}: set certificateSlot of the DeviceBatch to one of these`,
  );
}

interface Place {
  /** Undefined where it is not known. */
  reelId: string | undefined;
  slot: string | undefined;
  limits: ReadLimits;
}

/** @throws ManifestError ContainsPrivateKey */
function entryOf(row: number, { name, bytes }: NestedFile, { reelId, slot, limits }: Place): Entry {
  const [, chip, own] = CERTIFICATE.exec(name) ?? [];
  if (chip === undefined || own === undefined || (slot !== undefined && own.toUpperCase() !== slot)) {
    const expected = `CHIPID_${slot ?? DEFAULT_SLOT}.pem`;
    return { row, unreadable: `the archive holds the file "${name}"; files named ${expected} are expected` };
  }
  const deviceId = CHIP_ID.test(chip) ? chip.toUpperCase() : chip;
  if (bytes === undefined) {
    const unreadable = `the file "${name}" is longer than ${byteSize(limits.maxRecordBytes)}: it is no certificate`;
    return { row, unreadable };
  }
  const certificate = textOf(bytes);
  if (isEncodedPrivateKey(certificate)) throw containsPrivateKey();
  if (CHIP_ID.test(chip)) return { row, deviceId, groupId: reelId, certificate };
  const message = "the chip id in the file's name must be 20 hex digits";
  return { row, deviceId, refused: "InvalidDeviceId", message };
}

/** A text in any encoding, or a certificate in DER as base64. */
function textOf(bytes: Buffer): string {
  if (bytes[0] === 0x30) return bytes.toString("base64");
  const text = toUtf8(bytes);
  // What UTF-16 hides from the search of the bytes.
  if (text !== bytes) new PrivateKeyScan().push(text);
  // Old tools leave an end-of-file character (Ctrl-Z) or zeros.
  return text.toString("utf8").replace(/[\s\p{Cc}]+$/u, "");
}
