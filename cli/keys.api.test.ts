import type { JSONWebKeySet } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Field } from "../test/field/field.ts";
import { certferry, type CommandOptions, type CommandRun } from "./testing/command-line.ts";

const ACCOUNT = "acme";

let field: Field;
let trusted: JSONWebKeySet;

beforeAll(async () => {
  field = await Field.open();
  await field.account(ACCOUNT);
  await field.operator();
  trusted = await field.keysOf(ACCOUNT);
  // As a product cloud does, it trusts what it was given, and no more.
  const jwks = (): Promise<JSONWebKeySet> => Promise.resolve(trusted);
  await field.awsApi(ACCOUNT, "aws-eu", await field.cloud(ACCOUNT, { jwks }));
  await field.azureApi(ACCOUNT, "azure-hub", await field.cloud(ACCOUNT, { flavor: "azure", jwks }));
  for (const name of ["aws-eu", "azure-hub"]) await field.awaitApi(ACCOUNT, name, "True");
});

afterAll(async () => {
  await field?.close();
});

async function cli(args: string, options: CommandOptions = {}): Promise<CommandRun> {
  const env = { KUBECONFIG: field.plane.kubeconfig };
  return await certferry([...args.split(" "), "-n", ACCOUNT], { env, ...options });
}

describe("keys rotate --wait", () => {
  const WAITING = "The next key is not yet accepted through aws-eu, azure-hub.";

  it("says which clouds do not accept the next key, ends in time, and joins a rotation that is under way", async () => {
    const late = await cli("keys rotate --wait --timeout 8s");
    expect(late.code, late.stderr).toBe(124);
    expect(late.stderr).toContain(WAITING);
    expect(late.stderr).toMatch(
      /^error: the keys of account acme were not rotated within [\d.]+ seconds: the next one is not yet accepted through aws-eu, azure-hub$/m,
    );

    const refused = await cli("keys rotate");
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain("certferry keys rotate --wait -n acme");

    const stopped = await cli("keys rotate --wait", {
      type: (seen) => (seen.includes(WAITING) ? "\u0003" : undefined),
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/^No longer waiting\. The rotation goes on in the cluster\. /m);

    const { stdout } = await cli("doctor -o json");
    const { findings } = JSON.parse(stdout) as { findings: { check: string }[] };
    expect(findings.find(({ check }) => check === "account")).toMatchObject({
      state: "warning",
      message:
        "the keys of account acme are being rotated; the next one is not yet accepted through aws-eu, azure-hub",
    });

    const both = await field.keysOf(ACCOUNT);
    expect(both.keys).toHaveLength(2);
    const joins = Promise.withResolvers<void>();
    const joined = cli("keys rotate --wait", {
      type: (seen) => {
        if (seen.includes("are being rotated already")) joins.resolve();
        return undefined;
      },
    });
    await joins.promise;
    trusted = both;
    // What is declared anew is asked at once, and not within a minute.
    for (const name of ["aws-eu", "azure-hub"]) {
      const limits = { maxInFlight: 2 };
      await field.cloudApis.patch({ namespace: ACCOUNT, name }, { spec: { limits } });
    }
    const { code, stderr } = await joined;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("The keys of account acme are being rotated already.");
    const [{ kid = "" } = {}] = (await field.keysOf(ACCOUNT)).keys;
    expect(stderr).toContain(`Rotated: ${kid} is the key of account acme.`);
  }, 150_000);
});
