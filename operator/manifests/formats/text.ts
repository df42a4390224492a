import { TextDecoder } from "node:util";

type Encoding = "utf-8" | "utf-16le" | "utf-16be";

/** The encoding that the first bytes tell: a byte order mark, or else where the zeros of ASCII text are. */
function encodingOf(head: Buffer): Encoding {
  const [a, b] = head;
  if (a === 0xff && b === 0xfe) return "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  if (a === 0 && b !== 0 && b !== undefined) return "utf-16be";
  if (b === 0 && a !== 0) return "utf-16le";
  return "utf-8";
}

function isUtf8Mark(head: Buffer): boolean {
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
}

/** A file's first bytes as UTF-8, without a byte order mark. */
export function toUtf8(head: Buffer): Buffer {
  const encoding = encodingOf(head);
  if (encoding !== "utf-8") return Buffer.from(new TextDecoder(encoding).decode(head));
  return isUtf8Mark(head) ? head.subarray(3) : head;
}

/**
 * The same bytes as UTF-8, without a byte order mark.
 * @param onDecoded gets what was not UTF-8 before
 */
export async function* asUtf8(
  chunks: AsyncIterable<Buffer>,
  onDecoded: (text: Buffer) => void = () => {},
): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let decoder: TextDecoder | undefined;
  for await (const chunk of chunks) {
    let bytes = chunk;
    if (head !== undefined) {
      bytes = Buffer.concat([head, chunk]);
      if (bytes.length < 3) {
        head = bytes;
        continue;
      }
      head = undefined;
      const encoding = encodingOf(bytes);
      if (encoding !== "utf-8") decoder = new TextDecoder(encoding);
      else if (isUtf8Mark(bytes)) bytes = bytes.subarray(3);
    }
    if (decoder === undefined) {
      yield bytes;
      continue;
    }
    const text = Buffer.from(decoder.decode(bytes, { stream: true }));
    onDecoded(text);
    yield text;
  }
  if (head !== undefined) yield toUtf8(head);
  else if (decoder !== undefined) yield Buffer.from(decoder.decode());
}
