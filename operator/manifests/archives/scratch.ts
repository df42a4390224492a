import type { PackedFile } from "./packed-file.ts";

/** Room on disk for what is made of an archive. What is not kept goes with its `await using`. */
export interface Scratch<File extends ScratchFile = ScratchFile> {
  /** @param sealed whether it is encrypted under a key that only this process has, and only in its memory */
  create(sealed: boolean): Promise<File>;
}

export interface ScratchFile extends AsyncDisposable {
  /** @throws ManifestError CacheFull */
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing more is written: it can be read as an archive now. */
  finished(): Promise<PackedFile>;
}
