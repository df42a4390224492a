import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { build as esbuild, type Plugin } from "esbuild";

const ROOT = resolve(import.meta.dirname, "../..");
const MAIN = join(ROOT, "cli", "main.ts");
/** How a thread of its own is started; the file's name becomes that of the bundle. */
const WORKER = /new Worker\(new URL\("(?<file>[\w./-]+)\.ts", import\.meta\.url\)/gu;
/** Beside the bundle, where 7-Zip looks for it; and its licences, which must go with it. */
const SEVEN_ZIP = {
  "7zz.wasm": "node_modules/7z-wasm/7zz.wasm",
  "7zz.License.txt": "node_modules/7z-wasm/License.txt",
  "7zz.unRarLicense.txt": "node_modules/7z-wasm/unRarLicense.txt",
} as const;
const NAME = "certferry.js";

/** What packages that are CommonJS within look for: modules of Node itself, and their own folder. */
const COMMON_JS = [
  'import { createRequire as certferryRequire } from "node:module";',
  "const require = certferryRequire(import.meta.url);",
  "const __filename = import.meta.filename, __dirname = import.meta.dirname;",
].join("\n");

/**
 * Bundles the command line into one file (`certferry.js`), with the few that it needs beside it: the threads that
 * pack and unpack, and 7-Zip.
 * @returns files by name, source maps too
 * @throws BuildFailure of esbuild
 */
export async function bundleCommandLine(): Promise<ReadonlyMap<string, Uint8Array>> {
  const threads = new Set<string>();
  const files = new Map<string, Uint8Array>();
  const add = async (entry: string, name: string): Promise<void> => {
    const { outputFiles } = await esbuild({
      entryPoints: [{ in: entry, out: name.replace(/\.js$/, "") }],
      absWorkingDir: ROOT,
      outdir: join(ROOT, "app"),
      bundle: true,
      write: false,
      platform: "node",
      target: "node24",
      format: "esm",
      minifySyntax: true,
      minifyWhitespace: true,
      sourcemap: "linked",
      // Sources are where the map says; a map that repeats them is three times the size of the program.
      sourcesContent: false,
      keepNames: true,
      legalComments: "eof",
      charset: "utf8",
      logLevel: "silent",
      plugins: [separateThreads(threads)],
      banner: { js: COMMON_JS },
    });
    for (const { path, contents } of outputFiles) files.set(basename(path), contents);
  };
  await add(MAIN, NAME);
  for (const thread of threads) await add(thread, basename(thread).replace(/\.ts$/, ".js"));
  for (const [name, path] of Object.entries(SEVEN_ZIP)) files.set(name, await readFile(join(ROOT, path)));
  files.set("package.json", Buffer.from(await packageJson()));
  return files;
}

/** Of the folder that is installed: two names for one program, and nothing that it depends on. */
async function packageJson(): Promise<string> {
  const { version, license, description, engines } = JSON.parse(
    await readFile(join(ROOT, "package.json"), "utf8"),
  ) as Record<string, unknown>;
  const bin = { certferry: NAME, "kubectl-certferry": NAME };
  const own = { name: "certferry", version, description, license, type: "module", bin, engines };
  return `${JSON.stringify(own, null, 2)}\n`;
}

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
