export interface DummyReel {
  batchId: string;
  /** How many devices are on it. */
  devices: number;
  /** What its printed QR code says. */
  qrText: string;
}

const COUNTS = [2, 2, 2, 2, 2, 5, 5, 5, 10, 10];

/**
 * The reels that the vendor offers to try things with, D001–D010. The QR code of D010 says `D0010`:
 * so it is printed, and so a tool that reads it has to cope.
 */
export const DUMMY_REELS: readonly DummyReel[] = COUNTS.map((devices, index) => {
  const batchId = `D${String(index + 1).padStart(3, "0")}`;
  const printed = batchId === "D010" ? "D0010" : batchId;
  return { batchId, devices, qrText: `https://cirrent.infineon.com/cloud-id?groupId=${printed}` };
});
