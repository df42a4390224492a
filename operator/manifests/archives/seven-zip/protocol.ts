/** What the unpacking thread is started with. */
export interface UnpackOrder {
  path: string;
  maxMemoryBytes: number;
  /** See FLOW_SLOTS: shared with the reader. */
  flow: SharedArrayBuffer;
}

/**
 * What it sends: the listing, then, once it is told to go on, the files' bytes one after the other, then
 * how it ended. `text` is 7-Zip's own report.
 */
export type UnpackMessage =
  | { kind: "listing"; text: string }
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "end" }
  | { kind: "failed"; outOfMemory: boolean; text: string };

/** Int32 slots: whether to go on after the listing, and how many bytes the reader has not taken yet. */
export const FLOW_SLOTS = { goOn: 0, pending: 1, count: 2 } as const;

/** The thread waits while more than this is on its way. */
export const MAX_PENDING_BYTES = 4 * 1024 * 1024;
