import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACCOUNT_LABEL } from "../../crds/index.ts";
import { Field, OPERATOR_NAMESPACE } from "../../test/field/field.ts";
import { systemClock } from "../runtime/clock.ts";
import { JWKS_CONFIG_MAP, SigningKeyMissing, SigningKeys, signingKeySecret } from "./signing-keys.ts";

const never = new AbortController().signal;
const PRIVATE = /PRIVATE KEY|"d":/;

let field: Field;

beforeAll(async () => {
  field = await Field.open();
});

afterAll(async () => {
  await field.close();
});

function newKeys(): SigningKeys {
  const { secrets, configMaps } = field;
  return new SigningKeys({ secrets, configMaps, namespace: OPERATOR_NAMESPACE, clock: systemClock });
}

function secretKey(account: string): { namespace: string; name: string } {
  return { namespace: OPERATOR_NAMESPACE, name: signingKeySecret(account) };
}

async function published(account: string): Promise<JSONWebKeySet> {
  const configMap = await field.configMaps.get({ namespace: account, name: JWKS_CONFIG_MAP });
  return JSON.parse(configMap.data?.["jwks.json"] ?? "") as JSONWebKeySet;
}

describe("an account's signing key", () => {
  it("is made once, kept by the operator, and published without its private half", async () => {
    await field.account("acme");
    const key = await newKeys().ensure("acme", never);
    const secret = await field.secrets.get(secretKey("acme"));
    expect(secret.type).toBe("certferry.dev/signing-key");
    const configMap = await field.configMaps.get({ namespace: "acme", name: JWKS_CONFIG_MAP });
    expect(JSON.stringify(configMap)).not.toMatch(PRIVATE);
    expect(configMap.data?.["public.pem"]).toMatch(/^-----BEGIN PUBLIC KEY-----/);
    expect((await published("acme")).keys).toMatchObject([
      { kid: key.kid, kty: "EC", crv: "P-256", alg: "ES256" },
    ]);
    // Nothing private is in the account's own namespace.
    const mine = await field.secrets.list({ namespace: "acme" });
    expect(mine.items).toEqual([]);

    expect((await newKeys().ensure("acme", never)).kid).toBe(key.kid);
    const again = await field.configMaps.get({ namespace: "acme", name: JWKS_CONFIG_MAP });
    expect(again.metadata.resourceVersion).toBe(configMap.metadata.resourceVersion);
  });

  it("is one, however many ask for it at the same time", async () => {
    await field.account("hasty");
    const made = await Promise.all(Array.from({ length: 6 }, () => newKeys().ensure("hasty", never)));
    expect(new Set(made.map(({ kid }) => kid)).size).toBe(1);
    expect((await published("hasty")).keys).toMatchObject([{ kid: made[0]?.kid }]);
  });

  it("is another for each account", async () => {
    await Promise.all([field.account("one"), field.account("two")]);
    const keys = newKeys();
    const [one, two] = await Promise.all([keys.ensure("one", never), keys.ensure("two", never)]);
    expect(one.kid).not.toBe(two.kid);
    const token = await (await keys.tokens("one", "123456789012", never)).token();
    const verified = await jwtVerify(token, createLocalJWKSet(await published("one")), {
      audience: "123456789012",
    });
    expect(verified.payload).toMatchObject({ iss: "certferry:one", aud: "123456789012" });
    await expect(jwtVerify(token, createLocalJWKSet(await published("two")))).rejects.toThrow();
  });

  it("is published again when that was deleted or changed, as it was", async () => {
    await field.account("tampered");
    const keys = newKeys();
    const { kid } = await keys.ensure("tampered", never);
    await field.configMaps.delete({ namespace: "tampered", name: JWKS_CONFIG_MAP });
    await keys.ensure("tampered", never);
    expect((await published("tampered")).keys).toMatchObject([{ kid }]);
    const configMap = { namespace: "tampered", name: JWKS_CONFIG_MAP };
    await field.configMaps.patch(configMap, { data: { "jwks.json": '{"keys":[]}' } });
    await keys.ensure("tampered", never);
    expect((await published("tampered")).keys).toMatchObject([{ kid }]);
  });

  it("is never replaced silently when it is lost; it is found again when it is restored, and made anew when asked for", async () => {
    await field.account("lost");
    const { kid } = await newKeys().ensure("lost", never);
    const secret = await field.secrets.get(secretKey("lost"));
    await field.secrets.delete(secretKey("lost"));
    const missing = newKeys().ensure("lost", never);
    await expect(missing).rejects.toThrow(SigningKeyMissing);
    await expect(missing).rejects.toThrow(
      /Secret certferry-system\/certferry-signing-key-lost.* Restore the Secret/,
    );
    await expect(newKeys().tokens("lost", "1", never)).rejects.toThrow(SigningKeyMissing);
    expect((await published("lost")).keys).toMatchObject([{ kid }]);

    const { resourceVersion: _1, uid: _2, ...metadata } = secret.metadata;
    await field.secrets.create({ ...secret, metadata });
    expect((await newKeys().ensure("lost", never)).kid).toBe(kid);

    await field.secrets.delete(secretKey("lost"));
    await field.configMaps.delete({ namespace: "lost", name: JWKS_CONFIG_MAP });
    const fresh = await newKeys().ensure("lost", never);
    expect(fresh.kid).not.toBe(kid);
    expect((await published("lost")).keys).toMatchObject([{ kid: fresh.kid }]);
  });

  it.each([
    ["empty", undefined],
    ["garbage", Buffer.from("not a key").toString("base64")],
  ])("says so when its Secret is there and holds none: %s", async (name, data) => {
    await field.account(name);
    await field.secrets.create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...secretKey(name) },
      type: "certferry.dev/signing-key",
      data: data === undefined ? {} : { "signing-key.pem": data },
    });
    const unreadable = newKeys().ensure(name, never);
    await expect(unreadable).rejects.toThrow(SigningKeyMissing);
    await expect(unreadable).rejects.toThrow(/certferry-signing-key-.* holds no readable key/);
  });

  it("is signed with from the moment that it was replaced", async () => {
    await field.account("replaced");
    const keys = newKeys();
    const before = await (await keys.tokens("replaced", "7", never)).token();
    await field.secrets.delete(secretKey("replaced"));
    await field.configMaps.delete({ namespace: "replaced", name: JWKS_CONFIG_MAP });
    await newKeys().ensure("replaced", never);
    await keys.ensure("replaced", never);
    const after = await (await keys.tokens("replaced", "7", never)).token();
    const jwks = createLocalJWKSet(await published("replaced"));
    await expect(jwtVerify(after, jwks)).resolves.toBeDefined();
    await expect(jwtVerify(before, jwks)).rejects.toThrow();
  });
});

describe("an operator", () => {
  it("makes a key for each namespace that says it is an account, or has a Certferry object, and for no other", async () => {
    await field.operator({ leaderElect: false });
    const namespace = (name: string, labels: Record<string, string> = {}) =>
      field.namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
    await namespace("bystander");
    await namespace("undecided", { [ACCOUNT_LABEL]: "false" });
    await namespace("labelled", { [ACCOUNT_LABEL]: "true" });
    await namespace("busy");
    await field.batch("busy", "waiting", { batchId: "Z999" });
    await Promise.all([field.keysOf("labelled"), field.keysOf("busy")]);
    for (const name of ["bystander", "undecided", "default"]) {
      expect(await field.configMaps.find({ namespace: name, name: JWKS_CONFIG_MAP })).toBeUndefined();
    }
    await field.namespaces.patch(
      { name: "bystander" },
      { metadata: { labels: { [ACCOUNT_LABEL]: "true" } } },
    );
    expect((await field.keysOf("bystander")).keys).toHaveLength(1);
  });
});
