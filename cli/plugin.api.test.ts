import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubeObject } from "../operator/runtime/objects.ts";
import { Field } from "../test/field/field.ts";
import { apply, eventually } from "../test/harness/index.ts";
import { certferry, type CommandOptions, type CommandRun } from "./testing/command-line.ts";

const ACCOUNT = "acme";
const RBAC = "rbac.authorization.k8s.io";
const ESCAPE = "\u001B";

let field: Field;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certferry-plugin-"));
  await symlink(join(import.meta.dirname, "main.ts"), join(folder, "kubectl-certferry"));
  field = await Field.open();
  await field.account(ACCOUNT);
  const role = { apiGroup: RBAC, kind: "Role", name: "lookers" };
  const metadata = { name: "lookers", namespace: ACCOUNT };
  const made: unknown[] = [
    {
      apiVersion: `${RBAC}/v1`,
      kind: "Role",
      metadata,
      rules: [
        { apiGroups: ["certferry.dev"], resources: ["devicebatches"], verbs: ["get", "list", "watch"] },
      ],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: role,
      subjects: [{ apiGroup: RBAC, kind: "Group", name: "Frühschicht, Halle 2" }],
    },
  ];
  await apply(field.client, made as KubeObject[]);
});

afterAll(async () => {
  await field?.close();
  await rm(folder, { recursive: true, force: true });
});

async function plugin(args: readonly string[], options: CommandOptions = {}): Promise<CommandRun> {
  const env = { KUBECONFIG: field.plane.kubeconfig, ...options.env };
  const main = join(folder, "kubectl-certferry");
  return await certferry([...args, "-n", ACCOUNT], { main, ...options, env });
}

describe("the kubectl plugin", () => {
  it("is called by its name in what it tells people to run", async () => {
    expect((await plugin(["bind", "D001"])).code).toBe(0);
    const twice = await plugin(["bind", "D001"]);
    expect(twice.stderr).toContain(": kubectl certferry status d001 -n acme");
    const none = await plugin(["status", "D009"]);
    expect(none.stderr).toContain(
      "kubectl certferry status -A for all. To bind a reel: kubectl certferry bind BID",
    );
  });
});

describe("--as-group", () => {
  it("acts as one of a group, and as nobody of it without", async () => {
    const groups = ["--as-group", "others", "--as-group", "Frühschicht, Halle 2"];
    await eventually(
      async () => (await plugin(["status", "-o", "name", "--as", "kim", ...groups])).code === 0,
    );
    const without = await plugin(["status", "--as", "kim"]);
    expect(without.code).toBe(3);
    const alone = await plugin(["status", ...groups]);
    expect(alone.stderr).toMatch(/^error: --as-group needs --as\n/);
    expect(alone.code).toBe(2);
  });
});

describe("a terminal that says it is dumb", () => {
  it("is written a line for each change, and no codes", async () => {
    const { code, stdout } = await plugin(["bind", "D002", "--wait", "--timeout", "2s"], {
      terminal: { columns: 100, rows: 20 },
      env: { TERM: "dumb" },
    });
    expect(code).toBe(124);
    expect(stdout).toMatch(/^acme\/d002/m);
    expect(stdout).not.toContain(ESCAPE);
  });
});
