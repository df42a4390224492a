import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { KEPT_SECRETS } from "../process/kept-output.ts";
import type { Counts } from "./counts.ts";
import { type Secret, SecretSearch } from "./secret-search.ts";

/** A secret that was written where people read. */
export interface Finding {
  /** Whose output it is in. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** What was found, without the secret itself. */
  readonly what: string;
}

export interface Searched {
  readonly findings: readonly Finding[];
  readonly files: readonly string[];
  readonly bytes: number;
  /** How many secrets that tests used were looked for, besides what looks like one. */
  readonly secrets: number;
}

const MOST_TOLD = 20;
const CHUNK_BYTES = 8 * 1024 ** 2;
/** Nothing that is looked for is longer than this, where chunks meet. */
const OVERLAP_BYTES = 64 * 1024;

/** Searches all that was kept in a folder (see kept-output.ts) for key material, tokens and the secrets that tests used. */
export async function searchOutput(folder: string): Promise<Searched> {
  const secrets = await readSecrets(join(folder, KEPT_SECRETS));
  const search = new SecretSearch(secrets);
  const files = (await readdir(folder)).filter((name) => name !== KEPT_SECRETS).sort();
  const findings: Finding[] = [];
  let bytes = 0;
  for (const file of files) {
    const handle = await open(join(folder, file));
    try {
      bytes += (await handle.stat()).size;
      const buffer = Buffer.alloc(OVERLAP_BYTES + CHUNK_BYTES);
      let [kept, lines] = [0, 0];
      const seen = new Set<string>();
      for (;;) {
        const { bytesRead } = await handle.read(buffer, kept, CHUNK_BYTES);
        const there = buffer.subarray(0, kept + bytesRead);
        for (const { at, what } of search.in(there)) {
          const finding = { file, line: lines + 1 + countLines(there.subarray(0, at)), what };
          const key = `${finding.line} ${what}`;
          if (!seen.has(key)) findings.push(finding);
          seen.add(key);
        }
        if (bytesRead === 0) break;
        const left = there.subarray(Math.max(0, there.length - OVERLAP_BYTES));
        lines += countLines(there.subarray(0, there.length - left.length));
        kept = left.copy(buffer, 0);
      }
    } finally {
      await handle.close();
    }
  }
  return { findings, files, bytes, secrets: secrets.length };
}

/**
 * The counts of a run with what its output was searched for: one test more of a whole run, and a failure for each finding.
 * @param whole whether all tests ran: then something must have been there to be searched
 */
export async function withSearch(counts: Counts, folder: string, whole: boolean): Promise<Counts> {
  const searched = await searchOutput(folder);
  const troubles = searched.findings.slice(0, MOST_TOLD).map(describe);
  if (whole && troubles.length === 0) {
    for (const [what, there] of Object.entries(expected(searched))) {
      if (!there) troubles.push(`the search for secrets in what the tests write had no ${what} to look at`);
    }
  }
  const { files, bytes, secrets } = searched;
  const note = `searched for key material, tokens and ${secrets} secrets: ${files.length} outputs, ${Math.round(bytes / 1024)} KiB`;
  return {
    ...counts,
    passed: counts.passed + (whole && troubles.length === 0 ? 1 : 0),
    failed: counts.failed + troubles.length,
    notes: [...counts.notes, note],
    troubles: [...counts.troubles, ...troubles],
  };
}

/** What a run of all tests cannot be without. */
function expected({ files, secrets }: Searched): Record<string, boolean> {
  const has = (start: string): boolean => files.some((file) => file.startsWith(start));
  return {
    "output of an operator": has("operator-main.ts"),
    "output of a callee": has("callee-serve.ts"),
    "line of the test runner's": has("vitest"),
    "object of a cluster": has("objects"),
    "secret of a test": secrets > 0,
  };
}

/** A finding in one sentence. */
function describe({ file, line, what }: Finding): string {
  return `a secret was written where people read: ${what}, in the output of ${file}, line ${line}`;
}

async function readSecrets(path: string): Promise<Secret[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = new Set(text.split("\n").filter(Boolean));
  return [...lines].map((line) => {
    const [name, value] = JSON.parse(line) as [string, string];
    return { name, value };
  });
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count += 1;
  return count;
}
