import { toUtf8 } from "./formats/text.ts";
import { containsPrivateKey, isEncodedPrivateKey, isPrivateKeyDer, PrivateKeyScan } from "./private-keys.ts";

const HEAD_BYTES = 4096;

/**
 * The same bytes, while they are searched for private keys: as PEM text at any place, and as DER, base64,
 * hex or a JSON Web Key where a file begins.
 * @param sizes of the files that the bytes are, one after the other
 * @throws ManifestError ContainsPrivateKey
 */
export async function* searchedForKeys(
  chunks: AsyncIterable<Buffer>,
  sizes: Iterable<number>,
): AsyncGenerator<Buffer> {
  const scan = new PrivateKeyScan();
  const heads = new HeadSearch(sizes);
  for await (const chunk of chunks) {
    scan.push(chunk);
    heads.push(chunk);
    yield chunk;
  }
}

/**
 * Looks whether a file is a private key and nothing else.
 * @param head its first bytes
 * @throws ManifestError ContainsPrivateKey
 */
export function refuseKeyFile(head: Buffer): void {
  if (isPrivateKeyDer(head) || isEncodedPrivateKey(toUtf8(head).toString("latin1")))
    throw containsPrivateKey();
}

/** Collects the first bytes of each file, and looks at them as soon as they are there. */
class HeadSearch {
  readonly #sizes: Iterator<number>;
  #head: Buffer = Buffer.alloc(0);
  #wanted = 0;
  #afterHead = 0;
  /** Bytes of the file that are still to come behind its head. */
  #rest = 0;

  constructor(sizes: Iterable<number>) {
    this.#sizes = sizes[Symbol.iterator]();
  }

  push(chunk: Buffer): void {
    let bytes = chunk;
    while (bytes.length > 0) {
      if (this.#rest > 0) {
        const skipped = Math.min(this.#rest, bytes.length);
        this.#rest -= skipped;
        bytes = bytes.subarray(skipped);
      } else {
        if (this.#wanted === 0 && !this.#next()) return;
        const taken = bytes.subarray(0, this.#wanted - this.#head.length);
        this.#head = Buffer.concat([this.#head, taken]);
        bytes = bytes.subarray(taken.length);
        if (this.#head.length === this.#wanted) this.#look();
      }
    }
  }

  #next(): boolean {
    for (let next = this.#sizes.next(); !next.done; next = this.#sizes.next()) {
      if (next.value === 0) continue;
      this.#wanted = Math.min(next.value, HEAD_BYTES);
      this.#afterHead = next.value - this.#wanted;
      return true;
    }
    return false;
  }

  #look(): void {
    refuseKeyFile(this.#head);
    this.#head = Buffer.alloc(0);
    this.#wanted = 0;
    this.#rest = this.#afterHead;
  }
}
