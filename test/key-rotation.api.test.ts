import type { JSONWebKeySet } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signingKeySecret } from "../operator/accounts/signing-keys.ts";
import { KEY_ROTATION_REQUESTED_AT } from "../crds/index.ts";
import { ROTATION_HANDLED } from "../operator/accounts/key-secret.ts";
import type { TestCloud } from "./clouds/index.ts";
import { eventsAbout } from "./field/events.ts";
import { Field, OPERATOR_NAMESPACE } from "./field/field.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";

describe("rotating an account's signing key", () => {
  let field: Field;
  let operator: OperatorProcess;

  beforeAll(async () => {
    field = await Field.open();
    operator = await field.operator();
  });

  afterAll(async () => {
    await field.close();
  });

  async function ask(account: string, value: string): Promise<void> {
    const metadata = { annotations: { [KEY_ROTATION_REQUESTED_AT]: value } };
    await field.namespaces.patch({ name: account }, { metadata });
  }

  /** A cloud that trusts what it was given when it was deployed, as a product cloud does. */
  async function deployed(
    account: string,
  ): Promise<{ cloud: TestCloud; give: (keys: JSONWebKeySet) => void }> {
    let trusted = await field.keysOf(account);
    const cloud = await field.cloud(account, { jwks: () => Promise.resolve(trusted) });
    return { cloud, give: (keys) => (trusted = keys) };
  }

  async function published(account: string, keys: number): Promise<JSONWebKeySet> {
    return eventually(
      async () => {
        const now = await field.keysOf(account);
        return now.keys.length === keys ? now : undefined;
      },
      { what: `${account} publishes ${keys} keys` },
    );
  }

  /** Every request that was answered with 401. */
  const refused = ({ received }: TestCloud): number =>
    received.of("provision").filter(({ status }) => status === 401).length;

  it("publishes both, signs for each cloud with what it accepts, and drops the old one when nobody needs it", async () => {
    await field.account("acme");
    const { cloud: east, give: giveEast } = await deployed("acme");
    const { cloud: west, give: giveWest } = await deployed("acme");
    await field.awsApi("acme", "east", east, { region: "us-east-1" });
    await field.awsApi("acme", "west", west, { region: "us-west-2" });
    const before = await field.keysOf("acme");
    await field.awaitApi("acme", "east", "True");
    await field.awaitApi("acme", "west", "True");

    await ask("acme", "2026-11-26");
    const both = await published("acme", 2);
    expect(both.keys.map(({ kid }) => kid)).toContain(before.keys[0]?.kid);
    const told = await eventually(
      async (signal) => {
        const { status } = await field.cloudApis.get({ namespace: "acme", name: "west" }, signal);
        const ready = status?.conditions?.find(({ type }) => type === "Ready");
        return ready?.message.includes("next signing key") === true ? ready : undefined;
      },
      { what: "west says that it does not know the next key" },
    );
    expect(told).toMatchObject({ status: "True", reason: "Connected" });
    giveEast(both);

    // Neither cloud has an outage meanwhile: one signs with the new key, the other with the old.
    await field.ship("ROT-1", 2);
    await field.batch("acme", "rot-1", { batchId: "ROT-1", cloudApis: [{ name: "east" }, { name: "west" }] });
    await field.awaitReady("acme", "rot-1");
    expect(await published("acme", 2)).toEqual(both);
    giveWest(both);

    const after = await eventually(
      async () => {
        const now = await field.keysOf("acme");
        return now.keys.length === 1 ? now : undefined;
      },
      // West is probed again each minute.
      { what: "the old key is gone", deadline: 100_000 },
    );
    expect(after.keys[0]?.kid).not.toBe(before.keys[0]?.kid);
    giveEast(after);
    giveWest(after);
    await field.ship("ROT-2", 2);
    await field.batch("acme", "rot-2", { batchId: "ROT-2", cloudApis: [{ name: "east" }, { name: "west" }] });
    await field.awaitReady("acme", "rot-2");
    expect([refused(east), refused(west)]).toEqual([0, 0]);
    const events = (await eventsAbout(field.client, { kind: "Namespace", name: "acme" })).join("\n");
    expect(events).toContain("Normal KeyRotationWaiting");
    expect(events).toContain("Normal KeyRotated");
    const secret = await field.secrets.get({
      namespace: OPERATOR_NAMESPACE,
      name: signingKeySecret("acme"),
    });
    expect(Object.keys(secret.data ?? {})).toEqual(["signing-key.pem"]);
    expect(secret.metadata.annotations?.[ROTATION_HANDLED]).toBe("2026-11-26");
  }, 180_000);

  it("goes on after a restart, with the same next key, and does not begin anew for a request that is handled", async () => {
    await field.account("beta");
    const { cloud, give } = await deployed("beta");
    await field.awsApi("beta", "cloud", cloud);
    await field.awaitApi("beta", "cloud", "True");
    await ask("beta", "first");
    const both = await published("beta", 2);
    await operator.kill();
    give(both);
    operator = await field.operator();
    const after = await published("beta", 1);
    expect(both.keys.map(({ kid }) => kid)).toContain(after.keys[0]?.kid);
    expect(after).not.toEqual({ keys: [both.keys[1]] });

    await operator.stop();
    operator = await field.operator();
    await field.awaitApi("beta", "cloud", "True");
    expect(await field.keysOf("beta")).toEqual(after);
  }, 120_000);
});
