// The console's pages as files: `node console/build/pages.ts --out DIR`
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { parseArgs } from "node:util";
import { build as esbuild } from "esbuild";
import type { OutputFile } from "esbuild";
import { t } from "../web/texts/index.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const WEB = resolve(import.meta.dirname, "../web");
const OUT = "/assets";

/**
 * Bundles the pages: scripts, styles, the reader of QR codes, the service worker, and the two HTML files that name them.
 * @returns the files by their paths from the console's root
 * @throws what esbuild says is wrong with the sources
 */
export async function buildPages(): Promise<Map<string, Uint8Array>> {
  const { outputFiles, metafile } = await esbuild({
    entryPoints: ["desktop.tsx", "phone.tsx", "theme.ts", "desktop.css", "phone.css"].map((name) =>
      join(WEB, name),
    ),
    absWorkingDir: ROOT,
    outdir: OUT,
    publicPath: OUT,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: ["es2022"],
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".wasm": "file", ".svg": "file" },
    legalComments: "none",
    charset: "utf8",
    logLevel: "silent",
  });
  const files = new Map<string, Uint8Array>();
  const names = new Map<string, string>();
  for (const file of outputFiles) files.set(pathOf(file), file.contents);
  for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint !== undefined) names.set(basename(entryPoint), `${OUT}/${basename(path)}`);
  }
  for (const page of ["index.html", "phone.html"]) {
    files.set(`/${page}`, Buffer.from(withNames(await readFile(join(WEB, page), "utf8"), names)));
  }
  const shell = ["/cloud-id", ...["phone.tsx", "phone.css", "theme.ts"].map((name) => names.get(name) ?? "")];
  files.set("/sw.js", await serviceWorker([...shell, ...chunksOf(metafile.outputs, "phone.tsx")]));
  for (const name of ["icon.svg", "console.webmanifest"]) {
    files.set(`/${name}`, await readFile(join(WEB, name)));
  }
  return files;
}

function pathOf({ path }: OutputFile): string {
  const from = path.lastIndexOf(`${sep}assets${sep}`);
  return `${OUT}/${relative(path.slice(0, from + OUT.length), path)
    .split(sep)
    .join("/")}`;
}

/** `{{desktop.tsx}}` in a page is where that is served, `{{t.phone.title}}` a text of the catalogue. */
function withNames(html: string, names: ReadonlyMap<string, string>): string {
  return html.replaceAll(/\{\{(?<name>[\w.]+)\}\}/gu, (_match, name: string) => {
    if (name.startsWith("t.")) return textOf(name);
    const path = names.get(name);
    if (path === undefined) throw new Error(`a page names ${name}, which is not built`);
    return path;
  });
}

/** @throws Error when the catalogue has no such text */
function textOf(name: string): string {
  const found = name
    .split(".")
    .slice(1)
    .reduce<unknown>(
      (part, key) => (typeof part === "object" && part !== null ? Reflect.get(part, key) : undefined),
      t,
    );
  if (typeof found !== "string") throw new Error(`a page names ${name}, which is no text`);
  return found.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

type Outputs = NonNullable<Awaited<ReturnType<typeof esbuild>>["metafile"]>["outputs"];

/** What a page's script loads with it. */
function chunksOf(outputs: Outputs, entry: string): string[] {
  const found = Object.values(outputs).find((each) => basename(each.entryPoint ?? "") === entry);
  return (found?.imports ?? [])
    .filter(({ kind }) => kind === "import-statement")
    .map(({ path }) => `${OUT}/${basename(path)}`);
}

async function serviceWorker(shell: readonly string[]): Promise<Uint8Array> {
  const { outputFiles } = await esbuild({
    entryPoints: [join(WEB, "service-worker.ts")],
    bundle: true,
    write: false,
    minify: true,
    format: "iife",
    target: ["es2022"],
    define: { SHELL: JSON.stringify(shell) },
    logLevel: "silent",
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string", default: join(ROOT, "console/dist") } } });
  await rm(values.out, { recursive: true, force: true });
  for (const [path, content] of await buildPages()) {
    const file = join(values.out, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}
