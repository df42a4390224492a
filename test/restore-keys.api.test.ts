import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Secret } from "../operator/accounts/core-kinds.ts";
import { signingKeySecret } from "../operator/accounts/signing-keys.ts";
import { eventsAbout } from "./field/events.ts";
import { Field, OPERATOR_NAMESPACE } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { eventually, type OperatorProcess } from "./harness/index.ts";

describe("a signing key that is lost while its public half is published", () => {
  let field: Field;
  let operator: OperatorProcess;

  beforeAll(async () => {
    field = await Field.open();
    operator = await field.operator();
  });

  afterAll(async () => {
    await field.close();
  });

  function keyOf(account: string): { namespace: string; name: string } {
    return { namespace: OPERATOR_NAMESPACE, name: signingKeySecret(account) };
  }

  /** An account with a reel in its cloud, and one that is not sent yet. */
  async function populate(account: string): Promise<Site> {
    const site = await Site.open(field, account);
    await site.aws("cloud");
    await field.ship(`${account}-1`, 1);
    await site.bind(`${account}-1`, ["cloud"]);
    await site.ready(`${account}-1`);
    await field.ship(`${account}-2`, 1);
    return site;
  }

  async function lose(account: string): Promise<Secret> {
    const secret = await field.secrets.get(keyOf(account));
    await field.secrets.delete(keyOf(account));
    const { name, namespace = "", labels = {} } = secret.metadata;
    return { ...secret, metadata: { name, namespace, labels } };
  }

  /** The cloud is not called, everybody reads why, and no other key is made. */
  async function expectMissing(site: Site): Promise<void> {
    const { account } = site;
    await site.bind(`${account}-2`, ["cloud"]);
    // A new batch has its account's key looked after.
    const api = await field.awaitApi(account, "cloud", "False", "SigningKeyMissing", 10_000);
    const ready = api.status?.conditions?.find(({ type }) => type === "Ready");
    expect(ready?.message).toContain(`${OPERATOR_NAMESPACE}/${signingKeySecret(account)}`);
    expect(ready?.message).toContain("Restore the Secret");
    await site.ready(`${account}-1`);
    const held = await site.notReady(`${account}-2`, "False", "CloudBlocked");
    expect(held.status?.clouds?.[0]?.message).toContain("SigningKeyMissing");
    await eventually(
      async (signal) =>
        (await eventsAbout(field.client, { kind: "Namespace", name: account }, signal)).some((event) =>
          event.startsWith("Warning SigningKeyMissing"),
        ),
      { what: "an Event about the account" },
    );
    expect(await field.secrets.find(keyOf(account))).toBeUndefined();
  }

  it("is not replaced by an operator that starts without it, and serves again when its Secret is restored", async () => {
    const site = await populate("cold");
    const published = await field.keysOf("cold");
    await operator.stop();
    const secret = await lose("cold");
    operator = await field.operator();
    await expectMissing(site);
    expect(await field.keysOf("cold")).toEqual(published);

    await field.secrets.create(secret);
    await site.ready("cold-2");
    await field.awaitApi("cold", "cloud", "True");
    expect(await field.keysOf("cold")).toEqual(published);
  });

  it("is missed by an operator that runs, before the next one has to find out", async () => {
    const site = await populate("warm");
    const published = await field.keysOf("warm");
    const secret = await lose("warm");
    await expectMissing(site);
    await field.secrets.create(secret);
    await site.ready("warm-2");
    expect(await field.keysOf("warm")).toEqual(published);
  });
});
