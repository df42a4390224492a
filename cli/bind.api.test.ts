import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Field } from "../test/field/field.ts";
import { certferry, type CommandRun } from "./testing/command-line.ts";

let field: Field;

beforeAll(async () => {
  field = await Field.open();
  for (const account of ["acme", "umbrella"]) {
    await field.account(account);
    await field.awsApi(account, "aws-eu", await field.cloud(account), { default: true });
  }
  await field.operator();
});

afterAll(async () => {
  await field?.close();
});

async function cli(args: string): Promise<CommandRun> {
  return await certferry(args.split(" "), { env: { KUBECONFIG: field.plane.kubeconfig } });
}

async function batchNames(namespace: string): Promise<string[]> {
  const { items } = await field.batches.list({ namespace });
  return items.map(({ metadata }) => metadata.name).sort();
}

describe("bind leaves nothing behind that stands still", () => {
  it("where a batch of the account has the reel, whatever its name", async () => {
    await field.ship("D002", 1);
    await field.batch("acme", "pump-controllers-week-45", { batchId: "D002" });
    await field.awaitReady("acme", "pump-controllers-week-45");
    for (const args of ["bind D002 -n acme", "bind D002 -n acme --name other --wait"]) {
      const { code, stderr } = await cli(args);
      expect(code).toBe(5);
      expect(stderr).toMatch(/^error: batch acme\/pump-controllers-week-45 binds reel D002 already \(Prov/);
      expect(stderr).toContain("certferry provision pump-controllers-week-45 -n acme");
    }
    expect(await batchNames("acme")).toEqual(["pump-controllers-week-45"]);
  });

  it("where a batch of the account waits for the reel already", async () => {
    expect((await cli("bind LATER -n umbrella")).code).toBe(0);
    const { code, stderr } = await cli("bind LATER -n umbrella --name other");
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error: batch umbrella\/later is there for reel LATER already/);
    expect(stderr).toContain("kubectl delete devicebatch later -n umbrella");
  });

  it("but what another account has taken, and says how that is taken away", async () => {
    const { code, stderr } = await cli("bind D002 -n umbrella --wait");
    expect(code, stderr).toBe(5);
    expect(stderr).toMatch(/^error: AlreadyBound: /m);
    expect(stderr).toContain("To take it away: kubectl delete devicebatch d002 -n umbrella");
  });

  it("where a cloud is not there", async () => {
    const { code, stderr } = await cli("bind NEW -n acme --cloud aws-eu --cloud nope");
    expect(code).toBe(4);
    expect(stderr).toBe("error: account acme has no CloudApi nope\n  It has: aws-eu\n");
    expect(await batchNames("acme")).not.toContain("new");
    const more = await cli("provision D002 -n acme --cloud nope");
    expect([more.code, more.stderr]).toEqual([4, stderr]);
  });

  it("in a namespace that is no account, or not there", async () => {
    const { code, stderr } = await cli("bind D003");
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error: namespace default is no account/);
    expect(stderr).toContain("certferry keys init -n default");
    expect(await field.configMaps.find({ namespace: "default", name: "certferry-jwks" })).toBeUndefined();
    const absent = await cli("bind D003 -n initech");
    expect(absent.code).toBe(4);
    expect(absent.stderr).toMatch(/^error: namespaces "initech" not found\n {2}.*-n NAME.*keys init/);
  });
});

describe("what is not there", () => {
  it("is looked for elsewhere, and no batch's name is taken for a batch ID", async () => {
    const one = await cli("status week-45 -n acme");
    expect(one.code).toBe(4);
    expect(one.stderr).toContain("To bind a reel: certferry bind BID -n acme");
    expect(one.stderr).not.toContain("bind week-45");
    const none = await cli("status");
    expect(none.stderr).toBe(
      "There are no batches in namespace default. Another namespace: -n NAME; all: certferry status -A. To bind a reel: certferry bind BID\n",
    );
  });

  it("is said by the doctor: a namespace, and what batches wait for", async () => {
    const of = async (namespace: string, wanted: string): Promise<unknown> => {
      const { stdout } = await cli(`doctor -o json -n ${namespace}`);
      const { findings } = JSON.parse(stdout) as { findings: { check: string }[] };
      const found = findings.filter(({ check }) => check === wanted);
      expect(found, stdout).not.toEqual([]);
      return found;
    };
    expect(await of("nosuch", "account")).toMatchObject([
      { state: "bad", message: "there is no namespace nosuch" },
    ]);
    expect(await of("umbrella", "batches")).toMatchObject([
      { state: "bad", message: expect.stringMatching(/^d002: AlreadyBound: /) },
      { state: "warning", message: "1 batch is waiting: 1 ReelNotFound" },
    ]);
    await field.batch("default", "lost", { batchId: "LOST" });
    await field.keysOf("default");
    expect(await of("default", "account")).toMatchObject([
      {
        state: "warning",
        message: expect.stringMatching(/^namespace default is not labelled as an account/),
      },
    ]);
  });
});
