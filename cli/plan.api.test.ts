import { mkdtemp, rm } from "node:fs/promises";
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
});
