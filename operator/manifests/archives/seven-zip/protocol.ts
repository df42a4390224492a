import type { SealKey } from "../seal.ts";
import type { ListedFile } from "./listing.ts";

/** What the unpacking thread is started with. */
export interface UnpackOrder {
  path: string;
  /** Where the archive is encrypted on disk. */
  seal?: SealKey;
  maxMemoryBytes: number;
  /** See FLOW_SLOTS: shared with the reader. */
  flow: SharedArrayBuffer;
}

/**
 * What it sends: the files that the archive lists, some at a time; then, once it is told to go on, their bytes
 * one after the other; then how it ended. `text` is 7-Zip's own report.
 */
export type UnpackMessage =
  | { kind: "listed"; files: ListedFile[] }
  | { kind: "listingEnd" }
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "end" }
  | { kind: "failed"; outOfMemory: boolean; text: string };

/** What it is sent before it is told to go on: the names of the files to unpack, all of them without. */
export interface UnpackChoice {
  names?: readonly string[];
}

/** Int32 slots: whether to go on after the listing, and how many bytes the reader has not taken yet. */
export const FLOW_SLOTS = { goOn: 0, pending: 1, count: 2 } as const;

/** The thread waits while more than this is on its way. */
export const MAX_PENDING_BYTES = 4 * 1024 * 1024;

/** How many files are told of at a time. */
export const LISTED_AT_A_TIME = 1000;
/** What a message of so many files counts as, in bytes on their way. */
export const LISTED_WEIGHT = 256 * 1024;
