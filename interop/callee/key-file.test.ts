import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { keyFile } from "./key-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-keys-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const set = (kid: string): string => JSON.stringify({ keys: [{ kty: "EC", kid }] });

it("answers many who ask at once, from the first time on", async () => {
  const path = join(folder, "jwks.json");
  await writeFile(path, set("one"));
  const keys = keyFile(path);
  const all = await Promise.all(Array.from({ length: 20 }, () => keys()));
  expect(all.map((each) => each.keys[0]?.kid)).toEqual(Array(20).fill("one"));
});

it("waits for a file that is not there yet, keeps what it had, and complains once without quoting", async () => {
  const path = join(folder, "jwks.json");
  const said: string[] = [];
  const log = { info: () => undefined, error: (fields: object) => void said.push(JSON.stringify(fields)) };
  const keys = keyFile(path, log);
  await expect(keys()).rejects.toThrow("has not been read yet");
  await writeFile(path, set("one"));
  const kid = (): Promise<string> =>
    keys().then(
      (read) => read.keys[0]?.kid ?? "",
      () => "none",
    );
  await expect.poll(kid).toBe("one");
  await writeFile(path, '{"secret": "text');
  await utimes(path, 1, 1);
  await expect.poll(async () => [await kid(), said.length]).toEqual(["one", 2]);
  expect(said.join()).not.toContain("secret");
  await writeFile(path, set("two"));
  await expect.poll(kid).toBe("two");
  expect(said).toHaveLength(2);
});
