import type { DeviceRecord, ManifestRecord, RefusalReason, RefusedRecord } from "../records.ts";

/** What is kept of an accepted device: what a cloud needs of it. */
export type PackedDevice = Pick<DeviceRecord, "kind" | "ordinal" | "row" | "deviceId" | "der" | "serial">;
export type PackedRecord = PackedDevice | RefusedRecord;

const DEVICE = 1;
const REFUSED = 2;
const REFUSED_WITHOUT_ID = 3;

const HEAD_BYTES = 12;
/** Of one UTF-16 code unit. */
const MOST_UTF8_BYTES = 3;

/** Room that a record takes at most, in bytes. */
export function mostBytesOf(record: ManifestRecord): number {
  const id = MOST_UTF8_BYTES * (record.deviceId?.length ?? 0);
  if (record.kind === "device") return HEAD_BYTES + id + record.serial.length + record.der.length;
  return HEAD_BYTES + id + record.reason.length + MOST_UTF8_BYTES * record.message.length;
}

/**
 * Writes one record; its ordinal is not among its bytes. All numbers are big-endian.
 * @param into has room from `at` on for what `mostBytesOf` tells
 * @returns where it ends
 */
export function writeRecord(record: ManifestRecord, into: Buffer, at: number): number {
  const idAt = at + HEAD_BYTES;
  const middleAt = idAt + into.write(record.deviceId ?? "", idAt, "utf8");
  const restAt =
    middleAt + into.write(record.kind === "device" ? record.serial : record.reason, middleAt, "latin1");
  let end: number;
  if (record.kind === "device") {
    into.set(record.der, restAt);
    end = restAt + record.der.length;
  } else {
    end = restAt + into.write(record.message, restAt, "utf8");
  }
  const refused = record.deviceId === undefined ? REFUSED_WITHOUT_ID : REFUSED;
  into.writeUInt8(record.kind === "device" ? DEVICE : refused, at);
  into.writeUInt32BE(record.row, at + 1);
  into.writeUInt16BE(middleAt - idAt, at + 5);
  into.writeUInt8(restAt - middleAt, at + 7);
  into.writeUInt32BE(end - restAt, at + 8);
  return end;
}

/**
 * The records of a block, but for those that are skipped.
 * @param bytes as writeRecord leaves them, one after the other; of a block whose digest was right
 * @param first the first record's ordinal
 */
export function decodeRecords(
  bytes: Buffer,
  first: number,
  skip: (ordinal: number) => boolean,
): PackedRecord[] {
  const records: PackedRecord[] = [];
  let at = 0;
  for (let ordinal = first; at < bytes.length; ordinal += 1) {
    const kind = bytes.readUInt8(at);
    const row = bytes.readUInt32BE(at + 1);
    const idEnd = at + HEAD_BYTES + bytes.readUInt16BE(at + 5);
    const middleEnd = idEnd + bytes.readUInt8(at + 7);
    const end = middleEnd + bytes.readUInt32BE(at + 8);
    if (!skip(ordinal)) {
      const deviceId = bytes.toString("utf8", at + HEAD_BYTES, idEnd);
      const middle = bytes.toString("latin1", idEnd, middleEnd);
      const rest = bytes.subarray(middleEnd, end);
      records.push(
        kind === DEVICE
          ? { kind: "device", ordinal, row, deviceId, serial: middle, der: rest }
          : {
              kind: "refused",
              ordinal,
              row,
              ...(kind === REFUSED ? { deviceId } : {}),
              reason: middle as RefusalReason,
              message: rest.toString("utf8"),
            },
      );
    }
    at = end;
  }
  return records;
}
