import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { build as esbuild, type BuildFailure, type Metafile, type Plugin } from "esbuild";

const ROOT = resolve(import.meta.dirname, "..");
const MAIN = join(ROOT, "operator", "main.ts");
/** How a thread of its own is started; the file's name becomes that of the bundle. */
const WORKER = /new Worker\(new URL\("(?<file>[\w./-]+)\.ts", import\.meta\.url\)/gu;
/** Beside the bundle, where 7-Zip looks for it; and its licences, which must go with it. */
const SEVEN_ZIP = {
  "7zz.wasm": "node_modules/7z-wasm/7zz.wasm",
  "7zz.License.txt": "node_modules/7z-wasm/License.txt",
  "7zz.unRarLicense.txt": "node_modules/7z-wasm/unRarLicense.txt",
} as const;

export class BundleError extends Error {
  override readonly name = "BundleError";
}

export interface Bundle {
  /** By their names in the image's folder: `main.js`, the threads' files, source maps, 7-Zip. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The source files that went in, from the top: where each package's part comes from. */
  readonly inputs: readonly string[];
}

/**
 * Bundles the operator into one file, and one for each thread of its own that it starts.
 * @throws BundleError that says which file cannot be bundled, and why
 */
export async function bundleOperator(): Promise<Bundle> {
  return await bundleProgram(MAIN);
}

export interface ProgramOptions {
  /** The bundle's file, without an ending; that of the program's file unless told. */
  readonly name?: string;
  /** Modules that it can do without, and that are left out. */
  readonly external?: readonly string[];
  /** Smaller, for what is downloaded by people: without white space, functions keep their names all the same. */
  readonly compact?: boolean;
}

/**
 * Bundles a program that reads manifests, with its threads and 7-Zip.
 * @param entry its file
 * @throws BundleError that says which file cannot be bundled, and why
 */
export async function bundleProgram(entry: string, options: ProgramOptions = {}): Promise<Bundle> {
  const threads = new Set<string>();
  const main = await bundled(entry, threads, options);
  const parts = [main];
  const { name: _ofMain, ...ofAll } = options;
  for (const thread of threads) parts.push(await bundled(thread, new Set(), ofAll));
  const files = new Map(parts.flatMap(({ files }) => [...files]));
  for (const [name, path] of Object.entries(SEVEN_ZIP)) files.set(name, await readFile(join(ROOT, path)));
  const inputs = new Set(parts.flatMap(({ inputs }) => inputs));
  return { files, inputs: [...inputs, SEVEN_ZIP["7zz.wasm"]].sort() };
}

async function bundled(
  entry: string,
  threads: Set<string>,
  { name = basename(entry, ".ts"), external = [], compact = false }: ProgramOptions,
): Promise<Bundle> {
  try {
    const { outputFiles, metafile } = await esbuild({
      entryPoints: [{ in: entry, out: name }],
      absWorkingDir: ROOT,
      outdir: join(ROOT, "app"),
      bundle: true,
      write: false,
      metafile: true,
      platform: "node",
      target: "node24",
      format: "esm",
      sourcemap: "linked",
      sourcesContent: false,
      minifySyntax: compact,
      minifyWhitespace: compact,
      // Where nothing is minified the names of functions stay anyway: this sets each anew whenever a closure is made.
      keepNames: compact,
      // Licences stay with what they are for.
      legalComments: "eof",
      charset: "utf8",
      logLevel: "silent",
      external: [...external],
      plugins: [separateThreads(threads), withoutForeignMaps],
      banner: { js: COMMON_JS },
    });
    const files = outputFiles.map(({ path, contents }): [string, Uint8Array] => [basename(path), contents]);
    return { files: new Map(files), inputs: inputsOf(metafile) };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const reasons = error.errors.map(({ text, location }) =>
      location === null ? text : `${location.file}:${location.line}: ${text}`,
    );
    throw new BundleError(
      `the program cannot be bundled from ${relative(ROOT, entry)} (are the dependencies installed? npm run setup): ${reasons.join("; ")}`,
      { cause: error },
    );
  }
}

/** What packages that are CommonJS within look for: modules of Node itself, and their own folder. */
const COMMON_JS = [
  'import { createRequire as certferryRequire } from "node:module";',
  "const require = certferryRequire(import.meta.url);",
  "const __filename = import.meta.filename, __dirname = import.meta.dirname;",
].join("\n");

/** Notes the files of threads, and has the bundle start their bundles. */
function separateThreads(threads: Set<string>): Plugin {
  return {
    name: "threads",
    setup(build) {
      build.onLoad({ filter: /[\\/](?:operator|desk)[\\/].*\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, "utf8");
        for (const { groups } of text.matchAll(WORKER)) {
          threads.add(resolve(dirname(path), `${groups?.["file"] ?? ""}.ts`));
        }
        const contents = text.replaceAll(WORKER, (_match, file: string) => {
          return `new Worker(new URL("./${basename(file)}.js", import.meta.url)`;
        });
        return { contents, loader: "ts" };
      });
    },
  };
}

/** A source map that tells the file and no more. */
const EMPTY_MAP = Buffer.from('{"version":3,"sources":[""],"mappings":"AAAA"}').toString("base64");

/**
 * Leaves the packages out of the source maps. Node reads a whole map when the first error is looked at, and keeps it:
 * with all packages in it that takes 50 MiB, more than the operator itself.
 */
const withoutForeignMaps: Plugin = {
  name: "maps",
  setup(build) {
    build.onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const map = `//# sourceMappingURL=data:application/json;base64,${EMPTY_MAP}`;
      return { contents: `${text}\n${map}`, loader: "js" };
    });
  },
};

function inputsOf({ inputs }: Metafile): string[] {
  return Object.keys(inputs).filter((path) => !path.startsWith("(disabled)"));
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}
