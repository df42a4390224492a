import { readFile, readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";
import type { Ctx } from "./context.ts";
import { Problem } from "./problem.ts";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  wasm: "application/wasm",
  webmanifest: "application/manifest+json",
  map: "application/json",
};
/** Names with a digest in them never mean anything else. */
const FOR_GOOD = /^\/assets\/.+-[A-Z0-9]{8}\.\w+$/u;

interface File {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly packed: Uint8Array<ArrayBuffer> | undefined;
  readonly type: string;
}

/** The pages' files, held in memory: two pages, and what belongs to them. */
export class Pages {
  readonly #files: ReadonlyMap<string, File>;

  /** @param files by their paths from the console's root, such as `/index.html` */
  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = new Map([...files].map(([path, body]) => [path, fileOf(path, body)]));
  }

  /** Reads a folder that build/pages.ts has written. @throws Error when it cannot be read */
  static async from(folder: string): Promise<Pages> {
    const files = new Map<string, Uint8Array>();
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      files.set(`/${relative(folder, path).split(sep).join("/")}`, await readFile(path));
    }
    return new Pages(files);
  }

  /** A file, or for every address that is none, the page that makes something of it. @throws Problem 404 */
  serve(c: Ctx): Response {
    const { path } = c.req;
    // Of a batch's page the last part is a name, which may have dots; files are at the root and below assets.
    const isFile = /^\/(?:assets\/.*|[^/]*\.\w+)$/u.test(path);
    const wanted = path === "/cloud-id" ? "/phone.html" : isFile ? path : "/index.html";
    const file = this.#files.get(wanted);
    if (file === undefined) throw new Problem(404, "NotFound", "There is nothing here.");
    const cache = FOR_GOOD.test(path) ? "public, max-age=31536000, immutable" : "no-cache";
    const headers: Record<string, string> = {
      "content-type": file.type,
      "cache-control": cache,
      vary: "accept-encoding",
    };
    if (file.packed !== undefined && (c.req.header("accept-encoding") ?? "").includes("gzip")) {
      return c.body(file.packed, 200, { ...headers, "content-encoding": "gzip" });
    }
    return c.body(file.body, 200, headers);
  }
}

function fileOf(path: string, body: Uint8Array): File {
  const bytes = new Uint8Array(body);
  const packed = new Uint8Array(gzipSync(bytes, { level: 9 }));
  const type = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
  return { body: bytes, packed: packed.length < bytes.length ? packed : undefined, type };
}
