import type { DeviceRecord, ManifestRecord, RefusalReason, RefusedRecord } from "../records.ts";

/** What is kept of an accepted device: what a cloud needs of it. */
export type PackedDevice = Pick<DeviceRecord, "kind" | "ordinal" | "row" | "deviceId" | "der" | "serial">;
export type PackedRecord = PackedDevice | RefusedRecord;

const DEVICE = 1;
const REFUSED = 2;
const REFUSED_WITHOUT_ID = 3;

/** The bytes of one record; its ordinal is not among them. All numbers are big-endian. */
export function encodeRecord(record: ManifestRecord): Buffer {
  const text = (value: string): Buffer => Buffer.from(value, "utf8");
  if (record.kind === "device") {
    const [id, serial] = [text(record.deviceId), text(record.serial)];
    const head = Buffer.allocUnsafe(12);
    head.writeUInt8(DEVICE, 0);
    head.writeUInt32BE(record.row, 1);
    head.writeUInt16BE(id.length, 5);
    head.writeUInt8(serial.length, 7);
    head.writeUInt32BE(record.der.length, 8);
    return Buffer.concat([head, id, serial, record.der]);
  }
  const id = text(record.deviceId ?? "");
  const [reason, message] = [text(record.reason), text(record.message)];
  const head = Buffer.allocUnsafe(12);
  head.writeUInt8(record.deviceId === undefined ? REFUSED_WITHOUT_ID : REFUSED, 0);
  head.writeUInt32BE(record.row, 1);
  head.writeUInt16BE(id.length, 5);
  head.writeUInt8(reason.length, 7);
  head.writeUInt32BE(message.length, 8);
  return Buffer.concat([head, id, reason, message]);
}

/**
 * The records of a block, but for those that are skipped.
 * @param bytes as encodeRecord gives them, one after the other; of a block whose digest was right
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
    const idEnd = at + 12 + bytes.readUInt16BE(at + 5);
    const middleEnd = idEnd + bytes.readUInt8(at + 7);
    const end = middleEnd + bytes.readUInt32BE(at + 8);
    if (!skip(ordinal)) {
      const deviceId = bytes.toString("utf8", at + 12, idEnd);
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
