import { constants } from "node:fs";
import { access, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { CliError, EXIT } from "../exit.ts";

/** Where a result is written instead of the standard output. */
export interface OutFile {
  readonly out?: string;
  /** Over a file that is there. */
  readonly force?: boolean;
}

/**
 * Whether a result can be written there, asked before anything is done for it.
 * @throws CliError when a file is there and may not be overwritten, or the folder cannot be written to
 */
export async function checkOut({ out, force = false }: OutFile): Promise<void> {
  if (out === undefined) return;
  const there = await kindOf(out);
  if (there === "folder") throw unfit(`${out} is a folder`);
  // What is written is put in its place as a whole, and this is nothing to be replaced.
  if (there === "other") throw unfit(`${out} is no file`);
  if (there === "file" && !force) throw thereAlready(out);
  const folder = dirname(out);
  if ((await kindOf(folder)) !== "folder") throw unfit(`there is no folder ${folder} to write ${out} into`);
  await access(folder, constants.W_OK).catch(() => {
    throw unfit(`${out} cannot be written: you may not write into ${folder}`);
  });
}

/**
 * Writes a small result whole.
 * @throws CliError as `checkOut`: another may have come first
 */
export async function writeOut(out: string, text: string, { force = false }: OutFile): Promise<void> {
  try {
    await writeFile(out, text, { flag: force ? "w" : "wx" });
  } catch (error) {
    throw isThere(error) ? thereAlready(out) : error;
  }
}

export function isThere(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "code") === "EEXIST";
}

export function thereAlready(out: string): CliError {
  return new CliError(
    EXIT.refused,
    `${out} is there already`,
    "Overwrite it with --force, or give another --out",
  );
}

function unfit(message: string): CliError {
  return new CliError(
    EXIT.usage,
    message,
    "Give another --out, or leave it out and redirect the standard output",
  );
}

async function kindOf(path: string): Promise<"none" | "file" | "folder" | "other"> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? "folder" : found.isFile() ? "file" : "other";
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return "none";
    throw error;
  }
}
