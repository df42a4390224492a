import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Field } from "../test/field/field.ts";
import { certferry, type CommandOptions, type CommandRun } from "./testing/command-line.ts";

const ACCOUNT = "acme";

let field: Field;
let folder: string;

beforeAll(async () => {
  field = await Field.open();
  folder = await mkdtemp(join(tmpdir(), "certferry-plan-"));
  await field.account(ACCOUNT);
});

afterAll(async () => {
  await field?.close();
  await rm(folder, { recursive: true, force: true });
});

async function plan(args: string, options: CommandOptions = {}): Promise<CommandRun> {
  const env = { KUBECONFIG: field.plane.kubeconfig };
  return await certferry(["plan", ...args.split(" "), "-n", ACCOUNT], { cwd: folder, env, ...options });
}

/** YAML of a DeviceBatch. */
function batch(name: string, ...lines: string[]): string {
  return [
    "apiVersion: certferry.dev/v1alpha1",
    "kind: DeviceBatch",
    `metadata: { name: ${name} }`,
    `spec:`,
    `  batchId: ${name.toUpperCase()}`,
    ...lines,
    "",
  ].join("\n");
}

describe("what a plan is made of", () => {
  it("refuses a field that the kind does not have, as kubectl apply does, whether the object is there or not", async () => {
    const wrong = batch("s1", "  cloudApi: [{ name: aws-eu }]");
    const fresh = await plan("-f -", { stdin: wrong });
    expect([fresh.code, fresh.stderr]).toEqual([5, ""]);
    expect(fresh.stdout).toMatch(/^ {2}DeviceBatch acme\/s1: unknown field "spec\.cloudApi"$/m);
    await field.batch(ACCOUNT, "s1", { batchId: "S1" });
    const there = await plan("-f -", { stdin: wrong });
    expect(there.code, there.stdout).toBe(5);
    expect(there.stdout).toMatch(/^ {2}DeviceBatch acme\/s1: unknown field "spec\.cloudApi"$/m);
  });

  it("is also a folder's files, and of what sends nothing there is no pace to be told", async () => {
    await mkdir(join(folder, "batches", "inner"), { recursive: true });
    await mkdir(join(folder, "empty"));
    await writeFile(join(folder, "batches", "f2.yaml"), batch("f2"));
    await writeFile(join(folder, "batches", "f1.yml"), batch("f1"));
    await writeFile(join(folder, "batches", "notes.txt"), "a: [");
    await writeFile(join(folder, "batches", "inner", "f3.yaml"), batch("f3"));
    const { code, stdout, stderr } = await plan("-f batches");
    expect(code, stderr).toBe(0);
    expect(stdout.match(/^acme\/\w+/gm)).toEqual(["acme/f1", "acme/f2"]);
    const empty = await plan("-f empty");
    expect(empty.code).toBe(2);
    expect(empty.stderr).toBe("error: folder empty holds no file that ends in .yaml, .yml or .json\n");
    await field.awsApi(ACCOUNT, "aws-eu", await field.cloud(ACCOUNT), { default: true });
    await field.ship("F4", 3);
    await field.operator();
    await field.batch(ACCOUNT, "f4", { batchId: "F4" });
    await field.awaitReady(ACCOUNT, "f4");
    const done = await plan("-f - --rate aws-eu=50", { stdin: batch("f4") });
    expect(done.stdout).toMatch(/^acme\/f4 +F4 +bound +3 +aws-eu 0 /m);
    expect(done.stdout).not.toMatch(/0 devices|\/s/);
  });
});
