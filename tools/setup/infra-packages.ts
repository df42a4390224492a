import { createHash } from "node:crypto";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { clockTime } from "../build-cache/build-cache.ts";
import { lockBuild } from "../build-cache/build-lock.ts";
import { OwnedProcess, describeEnding } from "../process/owned-process.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const DEADLINE_MS = 10 * 60_000;
const PROGRESS_EVERY_MS = 15_000;

/**
 * Installs what infra/ needs (Pulumi and its SDKs, which the rest does without), unless it is there as the lock
 * file says. One process at a time installs.
 * @throws Error when npm fails, with what it wrote
 */
export async function installInfra(log: (message: string) => void, root = ROOT): Promise<void> {
  const folder = join(root, "infra");
  if (await installed(folder)) return;
  await mkdir(join(root, ".certferry"), { recursive: true });
  const unlock = await lockBuild(join(root, ".certferry", "infra.lock"), {
    deadlineMs: DEADLINE_MS,
    told: (owner) => log(`infra: process ${owner} is installing its packages already; waiting`),
  });
  try {
    if (!(await installed(folder))) await install(folder, log);
  } finally {
    await unlock();
  }
}

async function install(folder: string, log: (message: string) => void): Promise<void> {
  const started = Date.now();
  log("infra: npm ci (Pulumi and its SDKs)");
  const args = ["ci", "--include=dev", "--loglevel=error", "--no-audit", "--no-fund"];
  const npm = await OwnedProcess.start({ command: "npm", args, cwd: folder });
  const ticker = setInterval(() => log(`infra: npm ci has run for ${clockTime(started)}`), PROGRESS_EVERY_MS);
  const deadline = setTimeout(() => void npm.kill(), DEADLINE_MS);
  const ending = await npm.ended;
  clearInterval(ticker);
  clearTimeout(deadline);
  if (ending.code !== 0) {
    const words = npm.tail("stderr").slice(-20).join("\n  ");
    throw new Error(
      `the packages of infra/ could not be installed (${describeEnding(ending)}); npm wrote:\n  ${words}`,
    );
  }
  await writeFile(markOf(folder), await digest(folder));
  log(`infra: packages installed in ${clockTime(started)}`);
}

/** By the mark that an installation leaves; where somebody ran npm, by the versions that are there. */
async function installed(folder: string): Promise<boolean> {
  // npm writes this file last, so without it an installation was broken off.
  const whole = await access(join(folder, "node_modules", ".package-lock.json")).then(
    () => true,
    () => false,
  );
  if (!whole) return false;
  const wanted = await digest(folder);
  if ((await readFile(markOf(folder), "utf8").catch(() => "")) === wanted) return true;
  const matches = await Promise.all((await wantedPackages(folder)).map(isThere));
  if (matches.includes(false)) return false;
  await writeFile(markOf(folder), wanted);
  return true;
}

interface WantedPackage {
  readonly folder: string;
  readonly version: string | undefined;
  readonly optional: boolean;
}

async function wantedPackages(folder: string): Promise<WantedPackage[]> {
  const lock = JSON.parse(await readFile(join(folder, "package-lock.json"), "utf8")) as {
    packages: Record<string, { version?: string; optional?: boolean; link?: boolean }>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { link }]) => path !== "" && link !== true)
    .map(([path, { version, optional }]) => ({
      folder: join(folder, path),
      version,
      optional: optional === true,
    }));
}

async function isThere({ folder, version, optional }: WantedPackage): Promise<boolean> {
  const text = await readFile(join(folder, "package.json"), "utf8").catch(() => undefined);
  if (text === undefined) return optional;
  // Some write a v before it, which npm leaves out.
  return (JSON.parse(text) as { version?: string }).version?.replace(/^v/, "") === version;
}

function markOf(folder: string): string {
  return join(folder, "node_modules", ".certferry-installed");
}

async function digest(folder: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(join(folder, "package-lock.json")))
    .digest("hex");
}
