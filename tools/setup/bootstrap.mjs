// Where every npm script begins. Plain JavaScript for any Node from 20 on: it installs the dependencies when
// they are missing or differ from the lock file, and then runs the given TypeScript on the Node 24 that they
// bring. `node tools/setup/bootstrap.mjs [SCRIPT.ts [ARGUMENT...]]`
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_TO_START_WITH = 20;
const OLDEST_TO_RUN_ON = 24;
const ROOT = resolve(fileURLToPath(new URL("../..", import.meta.url)));
const MODULES = join(ROOT, "node_modules");
const BROUGHT_NODE = join(MODULES, `node-${process.platform}-${process.arch}`, "bin", "node");
const PROGRESS_EVERY_MS = 15_000;
/** Whoever installs touches the lock with each line of progress; one that was not touched for so long is nobody's. */
const LOCK_STALE_AFTER_MS = 120_000;
const MARK = join(MODULES, ".certferry-installed");

const majorOf = (version) => Number(version.replace(/^v/, "").split(".")[0]);

const say = (text) => process.stderr.write(`setup: ${text}\n`);

class SetupError extends Error {}

async function main() {
  if (majorOf(process.version) < OLDEST_TO_START_WITH) {
    throw new SetupError(
      `Node ${OLDEST_TO_START_WITH} or newer is needed to set up; this is ${process.version} (${process.execPath})`,
    );
  }
  if (!installed()) await install();
  const [script, ...args] = process.argv.slice(2);
  if (script === undefined) return;
  await runOnOurNode(resolve(ROOT, script), args);
}

/**
 * Whether node_modules is what the lock file says. After an installation a mark is left that holds the lock
 * file's digest. Where the mark is missing or differs (somebody ran npm install), the versions that are there
 * decide. npm writes .package-lock.json as its last step, so without it an installation was broken off; its
 * content is not to be relied on, since `npm install --package-lock-only` changes it too.
 */
function installed() {
  if (!existsSync(join(MODULES, ".package-lock.json"))) return false;
  const text = readOr(join(ROOT, "package-lock.json"), undefined);
  if (text === undefined) return false;
  if (readOr(MARK, "") === digest(text)) return true;
  const matches = Object.entries(JSON.parse(text).packages).every(([path, entry]) => {
    if (path === "" || entry.link) return true;
    const there = readOr(join(ROOT, path, "package.json"), undefined);
    return there === undefined
      ? entry.optional === true
      : JSON.parse(there).version?.replace(/^v/, "") === entry.version;
  });
  if (matches) leaveMark();
  return matches;
}

function leaveMark() {
  writeFileSync(MARK, digest(readFileSync(join(ROOT, "package-lock.json"), "utf8")));
}

const digest = (text) => createHash("sha256").update(text).digest("hex");

async function install() {
  const { unlock, touch } = await lock();
  try {
    // Whoever held the lock before has installed the same.
    if (installed()) return;
    say(existsSync(MODULES) ? "dependencies differ from package-lock.json" : "a fresh clone");
    say("npm ci ...");
    const started = Date.now();
    const ticker = setInterval(() => {
      touch();
      say(`npm ci has run for ${seconds(started)} s`);
    }, PROGRESS_EVERY_MS);
    const [command, ...first] = npm();
    // Warnings there are about the older Node that only starts npm; errors still show.
    const args = [
      ...first,
      "ci",
      "--include=dev",
      "--include=optional",
      "--loglevel=error",
      "--no-audit",
      "--no-fund",
    ];
    const code = await finished(spawn(command, args, { cwd: ROOT, stdio: ["ignore", 2, 2] }));
    clearInterval(ticker);
    if (code !== 0) throw new SetupError(`npm ci failed (exit code ${code}); what it said is above`);
    linkNode();
    leaveMark();
    say(`dependencies installed in ${seconds(started)} s`);
  } finally {
    unlock();
  }
}

const seconds = (since) => Math.round((Date.now() - since) / 1000);

/** The npm that started us, if one did; else the one on the PATH. */
function npm() {
  const cli = process.env.npm_execpath;
  return cli !== undefined && /npm-cli\.c?js$/.test(cli) ? [process.execPath, cli] : ["npm"];
}

/** Two installations into one folder at once would break it; the second waits. */
async function lock() {
  const folder = join(ROOT, ".certferry");
  const file = join(folder, "install.lock");
  mkdirSync(folder, { recursive: true });
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return { unlock: () => rmSync(file, { force: true }), touch: () => touchFile(file) };
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const owner = Number(readOr(file, ""));
    if (isStale(file, owner)) {
      rmSync(file, { force: true });
      continue;
    }
    if (!waited) say(`process ${owner} is installing already; waiting`);
    await new Promise((done) => setTimeout(done, 300));
  }
}

/** A process id alone does not tell: another process may have it by now, in a container even this one. */
function isStale(file, owner) {
  // An empty file is one that its owner has yet to write into.
  if (owner === process.pid || (owner > 0 && !isAlive(owner))) return true;
  const touched = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - touched > LOCK_STALE_AFTER_MS;
}

function touchFile(file) {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // Somebody has removed it: the work goes on all the same.
  }
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}

function isAlive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** npm 10 does not link a binary that the packages of several platforms bring; `npx vitest` looks for it there. */
function linkNode() {
  const link = join(MODULES, ".bin", "node");
  if (existsSync(BROUGHT_NODE) && !existsSync(link)) symlinkSync(relative(dirname(link), BROUGHT_NODE), link);
}

/** Node 24 as the dependencies brought it, else the Node that runs this, if it is new enough. */
function nodesToTry() {
  const found = existsSync(BROUGHT_NODE) ? [BROUGHT_NODE] : [];
  if (majorOf(process.version) >= OLDEST_TO_RUN_ON) found.push(process.execPath);
  return found;
}

async function runOnOurNode(script, args) {
  const env = {
    ...process.env,
    PATH: [join(MODULES, ".bin"), process.env.PATH].join(delimiter),
  };
  for (const node of nodesToTry()) {
    if (node === process.execPath && typeof process.execve === "function") {
      // No process stays between the caller and the script, so signals need no forwarding.
      process.removeAllListeners("warning");
      process.execve(node, [node, script, ...args], env);
    }
    try {
      process.exitCode = await finished(spawn(node, [script, ...args], { stdio: "inherit", env }));
      return;
    } catch (error) {
      // A binary for another C library (musl) is "not found" although it is there.
      if (error.code !== "ENOENT" && error.code !== "EACCES" && error.code !== "ENOEXEC") throw error;
    }
  }
  throw new SetupError(
    `Certferry runs on Node ${OLDEST_TO_RUN_ON} or newer. On Linux (glibc, x64 and arm64) its dependencies bring ` +
      `one; for ${process.platform} ${process.arch} install it yourself. This is ${process.version}`,
  );
}

/** The exit code (128 + signal number as shells count); signals to us go on to the child. */
async function finished(child) {
  const forward = (signal) => {
    // At a terminal, Ctrl-C reaches the child by itself.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  try {
    return await new Promise((done, failed) => {
      child.once("error", failed);
      child.once("close", (code, signal) => done(signal === null ? code : 128 + constants.signals[signal]));
    });
  } finally {
    for (const signal of signals) process.off(signal, forward);
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
