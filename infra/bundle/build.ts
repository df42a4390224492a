import { createHash } from "node:crypto";
import { join, relative, resolve } from "node:path";
import { type BuildFailure, buildSync } from "esbuild";

const ROOT = resolve(import.meta.dirname, "../..");

/** The callees that are deployed; each is an entry of `interop/hosts/`. */
export const ENTRIES = {
  aws: join(ROOT, "interop", "hosts", "aws-lambda.ts"),
  azure: join(ROOT, "interop", "hosts", "azure-function.ts"),
} as const;

export interface Bundle {
  /** One ES module with all that it imports, the runtime's own modules aside. */
  readonly code: string;
  /** SHA-256 of the code, hex. The same sources give the same, on whatever machine. */
  readonly hash: string;
}

export class BundleError extends Error {
  override readonly name = "BundleError";
}

/**
 * Bundles a callee into one file for Node 24.
 * @param entry path of the TypeScript that exports the handler
 * @param external what the platform brings along
 * @throws BundleError that says which file cannot be bundled, and why
 */
export function bundle(entry: string, external: readonly string[] = []): Bundle {
  try {
    const { outputFiles } = buildSync({
      entryPoints: [entry],
      absWorkingDir: ROOT,
      bundle: true,
      write: false,
      platform: "node",
      target: "node24",
      format: "esm",
      minify: true,
      // Errors in the cloud's log name functions that one can find.
      keepNames: true,
      legalComments: "none",
      charset: "utf8",
      mainFields: ["module", "main"],
      external: [...external],
      logLevel: "silent",
      // Some packages are CommonJS within and call require() for modules of Node itself.
      banner: { js: 'import{createRequire as __cr}from"node:module";const require=__cr(import.meta.url);' },
    });
    const code = outputFiles[0]?.text;
    if (code === undefined) throw new BundleError(`esbuild made nothing of ${relative(ROOT, entry)}`);
    return { code, hash: createHash("sha256").update(code).digest("hex") };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const reasons = error.errors.map(({ text, location }) =>
      location === null ? text : `${location.file}:${location.line}: ${text}`,
    );
    throw new BundleError(
      `the callee cannot be bundled from ${relative(ROOT, entry)} (are the dependencies installed? npm run setup): ${reasons.join("; ")}`,
      { cause: error },
    );
  }
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}
