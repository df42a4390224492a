import { type Cipheriv, createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const ALGORITHM = "aes-256-ctr";
const BLOCK_BYTES = 16;
const COUNTER_MAX = 2n ** 128n;

/** Plain data, so that it can be handed to a thread. */
export interface SealKey {
  readonly key: Uint8Array;
  readonly counter: Uint8Array;
}

/** A new key, which is nowhere but in this process's memory: what is written under it is gone with it. */
export function newSealKey(): SealKey {
  return { key: randomBytes(32), counter: randomBytes(BLOCK_BYTES) };
}

/** Encrypts a file from its beginning on. */
export function sealing({ key, counter }: SealKey): Cipheriv {
  return createCipheriv(ALGORITHM, key, counter);
}

/** Decrypts bytes of a sealed file from any place of it. */
export function unseal({ key, counter }: SealKey, bytes: Uint8Array, position: number): Buffer {
  const skipped = position % BLOCK_BYTES;
  const blocks = BigInt((position - skipped) / BLOCK_BYTES);
  const start = (BigInt(`0x${Buffer.from(counter).toString("hex")}`) + blocks) % COUNTER_MAX;
  const at = Buffer.from(start.toString(16).padStart(BLOCK_BYTES * 2, "0"), "hex");
  const decipher = createDecipheriv(ALGORITHM, key, at);
  decipher.update(Buffer.alloc(skipped));
  return decipher.update(bytes);
}
