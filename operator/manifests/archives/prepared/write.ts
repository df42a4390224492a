import { createHash } from "node:crypto";
import type { ScratchFile } from "../scratch.ts";
import {
  type DescribedMember,
  type Description,
  LENGTH_BYTES,
  NOT_KEPT,
  PREPARED_MARK,
  RECORD_HEAD_BYTES,
} from "./layout.ts";

const BUFFERED_BYTES = 256 * 1024;

/** Writes the layout into a file, one record after the other. */
export class PreparedWriter {
  readonly #file: ScratchFile;
  readonly #hash = createHash("sha256");
  readonly #members: DescribedMember[] = [];
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #written = 0;
  #count = 0;
  #from = 0;

  constructor(file: ScratchFile) {
    this.#file = file;
    this.#push(PREPARED_MARK);
    this.#from = PREPARED_MARK.length;
  }

  /** A file of the member under way; `size` of its bytes must follow, none where that is undefined. */
  async begin(name: string, size: number | undefined): Promise<void> {
    const named = Buffer.from(name);
    const head = Buffer.alloc(RECORD_HEAD_BYTES);
    head.writeUInt16LE(named.length, 0);
    head.writeUInt32LE(size ?? NOT_KEPT, 2);
    this.#count += 1;
    this.#push(head);
    await this.bytes(named);
  }

  async bytes(bytes: Buffer): Promise<void> {
    this.#push(bytes);
    if (this.#waitingBytes > BUFFERED_BYTES) await this.#flush();
  }

  /** All files of a member are there. */
  endMember(name: string): void {
    const to = this.#written + this.#waitingBytes;
    this.#members.push({ name, count: this.#count, from: this.#from, to });
    this.#from = to;
    this.#count = 0;
  }

  /** @param original the SHA-256 of the file that all this is from */
  async end(original: string): Promise<void> {
    await this.#flush();
    const description: Description = { original, members: this.#members };
    const text = Buffer.from(JSON.stringify(description));
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(text.length, 0);
    this.#push(text);
    this.#push(length);
    await this.#flush();
    await this.#file.write(this.#hash.digest());
  }

  #push(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#written += bytes.length;
    this.#hash.update(bytes);
    await this.#file.write(bytes);
  }
}
