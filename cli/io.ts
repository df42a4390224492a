import type { Clock } from "../operator/runtime/clock.ts";

/** One of the two streams that a command writes to. */
export interface Output {
  readonly isTTY: boolean;
  /** Columns of the terminal; undefined where it is none. */
  readonly columns: number | undefined;
  readonly rows: number | undefined;
  /** Resolves when there is room for more, so that a slow reader holds up the writer and fills no memory. */
  write(text: string | Uint8Array): Promise<void>;
  /** What is written should the process end at once, and nobody else can; the returned function takes that back. */
  atEnd(text: string): () => void;
  /** Calls when the terminal has another size; the returned function ends that. */
  onResize(listener: () => void): () => void;
}

/** All that a command knows of the world besides the cluster. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: () => number;
  /** As it was called, for messages: `certferry`, or `kubectl certferry`. */
  readonly program: string;
}

/**
 * An output on one of the process's streams.
 * @param failed told when it cannot be written any more: its reader has gone, the disk is full
 */
export function outputOn(stream: NodeJS.WriteStream, failed: (error: NodeJS.ErrnoException) => void): Output {
  stream.on("error", failed);
  const last = new Set<string>();
  // Nothing waits at that time: a terminal takes what it is given at once.
  process.on("exit", () => {
    for (const text of last) stream.write(text);
  });
  return {
    get isTTY() {
      return stream.isTTY;
    },
    get columns() {
      return stream.isTTY ? stream.columns : undefined;
    },
    get rows() {
      return stream.isTTY ? stream.rows : undefined;
    },
    write: (text) =>
      new Promise((resolve) => {
        if (stream.destroyed || stream.write(text)) {
          resolve();
          return;
        }
        const goOn = (): void => {
          stream.off("drain", goOn).off("close", goOn);
          resolve();
        };
        stream.on("drain", goOn).on("close", goOn);
      }),
    atEnd: (text) => {
      last.add(text);
      return () => last.delete(text);
    },
    onResize: (listener) => {
      stream.on("resize", listener);
      return () => stream.off("resize", listener);
    },
  };
}
