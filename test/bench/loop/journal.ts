import { type FileHandle, open } from "node:fs/promises";

const INTERVAL_MS = 1_000;

/**
 * What was answered, on disk: numbers of four bytes, written and synced in groups, at most one group a second,
 * as the operator checkpoints its ledgers. Sending does not wait for it.
 */
export class Journal {
  readonly #file: FileHandle;
  #group: number[] = [];
  #last = 0;
  #writing: Promise<void> | undefined;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<Journal> {
    return new Journal(await open(path, "w"));
  }

  /** Notes devices; they are on disk after a second at most, or when `close` resolves. */
  note(ordinals: readonly number[]): void {
    for (const ordinal of ordinals) this.#group.push(ordinal);
    if (this.#writing !== undefined || performance.now() - this.#last < INTERVAL_MS) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** @throws what a write has failed with */
  async close(): Promise<void> {
    await this.#writing;
    await this.#write();
    await this.#file.close();
  }

  async #write(): Promise<void> {
    this.#last = performance.now();
    const group = Uint32Array.from(this.#group);
    this.#group = [];
    await this.#file.writeFile(Buffer.from(group.buffer));
    await this.#file.datasync();
  }
}
