import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { access, constants, mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { OwnedProcess, describeEnding } from "../process/owned-process.ts";
import { reapFolder } from "../process/reaper.ts";
import { lockBuild } from "./build-lock.ts";

const SOURCES = import.meta.dirname;
const PROGRAM = "control-plane";
/** How the packages are compiled. */
export const COMPILE_FLAGS: readonly string[] = ["-trimpath", "-buildvcs=false"];
const BUILD_DEADLINE_MS = 45 * 60_000;
const UNUSED_FOR_MS = 30 * 24 * 3_600_000;
const PROGRESS_EVERY_MS = 10_000;

const run = promisify(execFile);

interface BuildOptions {
  readonly log: (message: string) => void;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** The folder that keeps builds for this user: `$XDG_CACHE_HOME` or `~/.cache`, then certferry/control-plane. */
export function controlPlaneCache(env: NodeJS.ProcessEnv = process.env): string {
  const configured = env["XDG_CACHE_HOME"];
  const base = configured?.startsWith("/") === true ? configured : join(homedir(), ".cache");
  return join(base, "certferry", "control-plane");
}

/**
 * The path of an earlier build of the present sources, for this platform and the Go that is installed (any
 * Go's, where none is installed); undefined when there is none.
 */
export async function cachedControlPlane(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const cache = controlPlaneCache(env);
  const entries = await readdir(cache).catch((): string[] => []);
  const prefix = await entryPrefix();
  if (!entries.some((entry) => entry.startsWith(prefix))) return undefined;
  const go = await goVersion(env).catch(() => undefined);
  const wanted = entries.filter((entry) =>
    go === undefined ? entry.startsWith(prefix) && !entry.includes(".building-") : entry === prefix + go,
  );
  for (const entry of wanted) {
    const path = join(cache, entry, PROGRAM);
    if (!(await isExecutable(path))) continue;
    const now = new Date();
    await utimes(join(cache, entry), now, now).catch(() => {});
    return path;
  }
  return undefined;
}

/**
 * Builds the program from the Go modules into the cache and gives its path. One process at a time builds;
 * the others wait for it. Progress goes to `log`.
 * @throws Error when Go is missing or the build fails, with what to do
 */
export async function buildControlPlane(options: BuildOptions): Promise<string> {
  const go = await goVersion(options.env);
  const cache = controlPlaneCache(options.env);
  await mkdir(cache, { recursive: true });
  const entry = join(cache, (await entryPrefix()) + go);
  const unlock = await lockBuild(`${entry}.lock`, {
    ...options,
    deadlineMs: BUILD_DEADLINE_MS,
    told: (owner) => options.log(`control plane: process ${owner} is building it already; waiting`),
  });
  try {
    // Whoever held the lock before may have built it.
    if (!(await isExecutable(join(entry, PROGRAM)))) await buildInto(entry, go, options);
    await removeUnused(cache);
    return join(entry, PROGRAM);
  } finally {
    await unlock();
  }
}

async function buildInto(entry: string, go: string, options: BuildOptions): Promise<void> {
  const started = Date.now();
  const scratch = `${entry}.building-${process.pid}`;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch);
  reapFolder(scratch);
  try {
    options.log(
      `control plane: building kube-apiserver with etcd (${go}); this happens once and takes 5 to 10 minutes`,
    );
    await compile(scratch, options);
    await rename(scratch, entry);
    options.log(`control plane: built in ${clockTime(started)}`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function compile(folder: string, options: BuildOptions): Promise<void> {
  const total = (await packagesToCompile(options)).length;
  let compiled = 0;
  await runGo(["build", "-v", ...(await buildFlags()), "-o", join(folder, PROGRAM), "."], options, {
    failure: "the control plane could not be built",
    // Go names a package when it begins to compile it; nothing of what it has in its own cache, or of linking.
    progress(lines) {
      compiled += lines.filter((line) => !/^(go: |#)/.test(line)).length;
      const last = lines.at(-1);
      const step = last === undefined ? "(some are in go's own cache; or it is being linked)" : last;
      return `${Math.min(compiled, total)} of ${total} packages  ${step}`;
    },
  });
}

async function packagesToCompile(options: BuildOptions): Promise<string[]> {
  let downloaded = 0;
  const { stdout } = await runGo(["list", "-deps", "."], options, {
    failure: "the Go modules of the control plane could not be read or downloaded",
    progress(lines) {
      downloaded += lines.filter((line) => line.startsWith("go: downloading ")).length;
      return `${downloaded} Go modules downloaded  ${lines.at(-1)?.replace("go: downloading ", "") ?? ""}`;
    },
  });
  return stdout;
}

interface GoRun {
  readonly failure: string;
  /** Makes a line for people of what go has written to stderr since the last time. */
  readonly progress: (lines: readonly string[]) => string;
}

/**
 * Runs go in the sources' folder, with a line of progress every ten seconds.
 * @throws Error when it fails, with what it wrote
 */
async function runGo(
  args: readonly string[],
  options: BuildOptions,
  { failure, progress }: GoRun,
): Promise<{ stdout: string[] }> {
  const started = Date.now();
  const go = await OwnedProcess.start({ command: "go", args, cwd: SOURCES, env: options.env });
  const stdout: string[] = [];
  let news: string[] = [];
  go.onLine((line, stream) => (stream === "stdout" ? stdout : news).push(line));
  const ticker = setInterval(() => {
    options.log(`control plane: ${clockTime(started)}  ${progress(news)}`);
    news = [];
  }, PROGRESS_EVERY_MS);
  const giveUp = (): void => void go.kill();
  const deadline = setTimeout(giveUp, BUILD_DEADLINE_MS);
  options.signal?.addEventListener("abort", giveUp, { once: true });
  try {
    const ending = await go.ended;
    options.signal?.throwIfAborted();
    if (ending.code === 0) return { stdout };
    const words = go.tail("stderr").slice(-30).join("\n  ");
    throw new Error(`${failure} (${describeEnding(ending)}); go wrote:\n  ${words}`);
  } finally {
    clearInterval(ticker);
    clearTimeout(deadline);
    options.signal?.removeEventListener("abort", giveUp);
  }
}

async function entryPrefix(): Promise<string> {
  const hash = createHash("sha256");
  const files = (await readdir(SOURCES)).filter(
    (f) => /^(go\.(mod|sum)|.*\.go)$/.test(f) && !f.endsWith("_test.go"),
  );
  for (const file of files.sort()) {
    hash.update(`${file}\0`);
    hash.update(await readFile(join(SOURCES, file)));
    hash.update("\0");
  }
  hash.update((await buildFlags()).join("\0"));
  return `${hash.digest("hex").slice(0, 16)}-${process.platform}-${process.arch}-`;
}

/** With the version that the server tells (`kubectl version`), which release builds set in the same way. */
async function buildFlags(): Promise<string[]> {
  const mod = await readFile(join(SOURCES, "go.mod"), "utf8");
  const [version, major, minor] = /^\s*k8s\.io\/kubernetes v(\d+)\.(\d+)\.\S+$/m.exec(mod) ?? [];
  if (version === undefined)
    throw new Error("tools/control-plane/go.mod does not name a version of k8s.io/kubernetes");
  const set = { gitVersion: version.trim().split(" ")[1], gitMajor: major, gitMinor: minor };
  const variables = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((name) =>
    Object.entries(set).map(([key, value]) => `-X ${name}.${key}=${value}`),
  );
  return [...COMPILE_FLAGS, `-ldflags=-s -w ${variables.join(" ")}`];
}

/**
 * As `go env` prints it, such as go1.26.8.
 * @throws Error when Go is not on the PATH, or is too old for the sources and may not fetch a newer one
 */
async function goVersion(env: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await run("go", ["env", "GOVERSION"], { cwd: SOURCES, env, timeout: 10 * 60_000 });
    return stdout.trim().replaceAll(/[^\w.-]/g, "_");
  } catch (cause) {
    const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
    throw new Error(
      "no control plane is built yet, and Go 1.26 or newer, which builds it, is not to be had" +
        `${said === "" ? "" : ` (${said})`}. Install Go, or set KUBEBUILDER_ASSETS to the folder that \`setup-envtest use\` ` +
        "prints, or CERTFERRY_CONTROL_PLANE to a program built from tools/control-plane elsewhere",
      { cause },
    );
  }
}

async function removeUnused(cache: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    const path = join(cache, entry);
    const used = await stat(path).catch(() => undefined);
    if (used !== undefined && Date.now() - used.mtimeMs > UNUSED_FOR_MS) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Minutes and seconds since then. */
function clockTime(since: number): string {
  const seconds = Math.round((Date.now() - since) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
