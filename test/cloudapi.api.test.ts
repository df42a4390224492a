import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CloudApi, CloudApiSpec } from "../crds/index.ts";
import { exportPrivatePem, generateSigningKey, publicJwks, publicPem } from "../interop/trust/signing-key.ts";
import { type Fault, GATEWAY_FAULTS, type TestCloud } from "./clouds/index.ts";
import { AWS_ACCOUNT, AZURE_SUBSCRIPTION, Field, OPERATOR_NAMESPACE } from "./field/field.ts";
import { Site } from "./field/site.ts";
import { eventually } from "./harness/index.ts";

let field: Field;

beforeAll(async () => {
  field = await Field.open();
  await field.operator({ cloudDeadlineSeconds: 3 });
});

afterAll(async () => {
  await field.close();
});

function readyOf(api: CloudApi) {
  return api.status?.conditions?.find(({ type }) => type === "Ready");
}

/** A CloudApi of type Azure at an address, for what is wrong with the address. */
function azureAt(interopUrl: string, caBundle?: string): CloudApiSpec {
  const azure = { interopUrl, subscriptionId: AZURE_SUBSCRIPTION };
  return { type: "Azure", azure, ...(caBundle === undefined ? {} : { caBundle }) };
}

function probes(cloud: TestCloud): number {
  return cloud.received.of("info").length;
}

describe.concurrent("a CloudApi that is reached", () => {
  it("says where it posts to, and what the cloud said of itself", async () => {
    const site = await Site.open(field, "reached");
    const cloud = await site.aws("aws");
    const azure = await site.azure("azure");
    const api = await field.awaitApi("reached", "aws", "True", "Connected");
    expect(api.status).toMatchObject({
      endpoint: `${cloud.origin}/Prod/interop`,
      compatibilityVersion: 1,
      capabilities: [],
      devicesProvisioned: 0,
      observedGeneration: api.metadata.generation,
    });
    expect(readyOf(api)?.message).toBe(`${cloud.origin}/Prod/interop answered and speaks interop version 1`);
    expect(api.status?.conditions?.map(({ type }) => type)).toEqual(["Ready"]);
    expect((await field.awaitApi("reached", "azure", "True")).status?.endpoint).toBe(azure.url);
  });

  it("of AWS keeps the path of its endpoint before the stage", async () => {
    const site = await Site.open(field, "path");
    const cloud = await site.cloud({ basePath: "/restapis/a1b2/v2" });
    const aws = { accountId: AWS_ACCOUNT, apiGatewayId: "a1b2", region: "eu-path-1", stage: "v2" };
    const spec = {
      type: "AWS",
      aws: { ...aws, endpoint: `${cloud.origin}/restapis/a1b2/` },
      caBundle: cloud.caPem,
    } as const;
    await field.api("path", "aws", spec);
    const api = await field.awaitApi("path", "aws", "True");
    expect(api.status?.endpoint).toBe(cloud.url);
    await field.api("path", "elsewhere", { ...spec, aws: { ...spec.aws, stage: "v3" } });
    const wrong = await field.awaitApi("path", "elsewhere", "False", "NotAnInteropEndpoint");
    expect(readyOf(wrong)?.message).toContain("check the path of the address");
  });

  it("counts its account's devices, over all reels", async () => {
    const site = await Site.open(field, "counting");
    await site.aws("aws");
    await field.ship("K001", 2);
    await field.ship("K002", 3);
    await site.bind("K001", ["aws"]);
    await site.bind("K002", ["aws"]);
    await Promise.all([site.ready("K001"), site.ready("K002")]);
    const api = await eventually(async (signal) => {
      const seen = await field.cloudApis.get({ namespace: "counting", name: "aws" }, signal);
      return seen.status?.devicesProvisioned === 5 ? seen : undefined;
    });
    expect(readyOf(api)?.status).toBe("True");
  });
});

describe.concurrent("a CloudApi that cannot be used says why", () => {
  it("Unauthorized: it is another account's cloud, which goes on working for that one", async () => {
    const owner = await Site.open(field, "owner");
    const thief = await Site.open(field, "thief");
    const cloud = await owner.aws("mine");
    await field.awsApi("thief", "theirs", cloud, { region: "eu-stolen-1" });
    const api = await field.awaitApi("thief", "theirs", "False", "Unauthorized");
    expect(readyOf(api)?.message).toMatch(/answered 401: .* trusts the account's public key/);
    expect(readyOf(api)?.message).not.toMatch(/eyJ|Bearer/);
    await field.awaitApi("owner", "mine", "True", "Connected");

    await field.ship("N001", 2);
    await thief.bind("N001", ["theirs"]);
    const batch = await thief.notReady("N001", "False", "CloudBlocked");
    expect(batch.status?.clouds).toMatchObject([{ name: "theirs", state: "Blocked", provisioned: 0 }]);
    expect(batch.status?.clouds?.[0]?.message).toContain("Unauthorized");
    await field.ship("N002", 2);
    await owner.bind("N002", ["mine"]);
    await owner.ready("N002");
    expect(cloud.received.of("provision").flatMap(({ refs }) => refs)).toHaveLength(2);
  });

  it("NameNotResolved: there is no such host", async () => {
    await Site.open(field, "nowhere");
    await field.api("nowhere", "azure", azureAt("https://nowhere.test.invalid/interop"));
    const api = await field.awaitApi("nowhere", "azure", "False", "NameNotResolved");
    expect(readyOf(api)?.message).toContain("nowhere.test.invalid");
    expect(api.status?.conditions).toContainEqual(expect.objectContaining({ type: "Reconciling" }));
  });

  it("ConnectionRefused: nobody listens there", async () => {
    const site = await Site.open(field, "closed");
    const cloud = await site.azure("azure");
    await cloud.down();
    await field.api("closed", "again", azureAt(cloud.url, cloud.caPem));
    const api = await field.awaitApi("closed", "again", "False", "ConnectionRefused");
    expect(readyOf(api)?.message).toContain(new URL(cloud.url).host);
  });

  it("Timeout: it does not answer, then does", async () => {
    const site = await Site.open(field, "silent");
    const cloud = await site.cloud({ flavor: "azure" });
    cloud.fail({ kind: "hang" }, { on: "info" });
    await field.api("silent", "azure", azureAt(cloud.url, cloud.caPem));
    const api = await field.awaitApi("silent", "azure", "False", "Timeout");
    expect(readyOf(api)?.message).toMatch(/did not answer within 3 s/);
    await field.awaitApi("silent", "azure", "True", "Connected");
  });

  it.each([
    ["unknown", undefined, /signed by a CA that is not known|not trusted/],
    ["expired", "expired", /has expired/],
    ["other-host", "wrongHost", /is for another host name/],
  ] as const)("CertificateUntrusted: %s", async (name, tls, message) => {
    const site = await Site.open(field, `tls-${name}`);
    const cloud = await site.cloud({ flavor: "azure", ...(tls === undefined ? {} : { tls }) });
    const ca = name === "unknown" ? undefined : cloud.caPem;
    await field.api(`tls-${name}`, "azure", azureAt(cloud.url, ca));
    const api = await field.awaitApi(`tls-${name}`, "azure", "False", "CertificateUntrusted");
    expect(readyOf(api)?.message).toMatch(message);
    expect(probes(cloud)).toBe(0);
  });

  it("CertificateUntrusted until the CA is named", async () => {
    const site = await Site.open(field, "tls-mended");
    const cloud = await site.cloud({ flavor: "azure" });
    await field.api("tls-mended", "azure", azureAt(cloud.url));
    await field.awaitApi("tls-mended", "azure", "False", "CertificateUntrusted");
    await site.editApi("azure", { caBundle: cloud.caPem });
    const api = await field.awaitApi("tls-mended", "azure", "True", "Connected");
    expect(api.status).toMatchObject({ endpoint: cloud.url, observedGeneration: 2 });
  });

  const STRANGE: readonly (readonly [string, Fault])[] = [
    ["page", { kind: "html" }],
    ["redirect", { kind: "status", status: 302 }],
    ["missing", { kind: "status", status: 404 }],
    ["gateway", GATEWAY_FAULTS.forbidden],
    ["no-stage", GATEWAY_FAULTS.missingToken],
    ["list", { kind: "notAList" }],
  ];
  it.each(STRANGE)("NotAnInteropEndpoint: %s", async (name, fault) => {
    const account = `strange-${name}`;
    const site = await Site.open(field, account);
    const cloud = await site.cloud({ flavor: "azure" });
    cloud.fail(fault, { on: "info" });
    await field.api(account, "azure", azureAt(cloud.url, cloud.caPem));
    const api = await field.awaitApi(account, "azure", "False", "NotAnInteropEndpoint");
    expect(readyOf(api)?.message).toMatch(/[Cc]heck the|give the address/);
    expect(readyOf(api)?.message).not.toContain("Sign in");
    await field.awaitApi(account, "azure", "True", "Connected");
  });

  it("NotAnInteropEndpoint: it speaks another protocol", async () => {
    await Site.open(field, "plain");
    const plain = createServer((_incoming, outgoing) => outgoing.end("hello"));
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = plain.address() as AddressInfo;
      await field.api("plain", "azure", azureAt(`https://127.0.0.1:${port}/interop`));
      const api = await field.awaitApi("plain", "azure", "False", "NotAnInteropEndpoint");
      expect(readyOf(api)?.message).toContain("check scheme and port");
    } finally {
      plain.closeAllConnections();
      plain.close();
    }
  });

  it.each([
    ["loopback", "https://127.0.0.2:8443/interop"],
    ["metadata", "https://169.254.169.254/interop"],
    ["mapped", "https://[::ffff:127.0.0.3]:8443/interop"],
  ])("EgressRefused: %s", async (name, url) => {
    const account = `egress-${name}`;
    await Site.open(field, account);
    await field.api(account, "azure", azureAt(url));
    const api = await field.awaitApi(account, "azure", "False", "EgressRefused");
    expect(readyOf(api)?.message).toContain("--egress-allow-cidr");
  });

  it("CredentialsNotFound, CredentialsInvalid, Unauthorized: one after the other, until they are right", async () => {
    const site = await Site.open(field, "secrets");
    const cloud = await site.cloud({ basic: { username: "certferry", password: "right" } });
    const secret = { namespace: "secrets", name: "login" };
    await field.api("secrets", "other", {
      type: "Other",
      other: { url: cloud.url, cloud: "Private", credentialsSecretRef: { name: "login" } },
      caBundle: cloud.caPem,
    });
    const missing = await field.awaitApi("secrets", "other", "False", "CredentialsNotFound");
    expect(readyOf(missing)?.message).toContain("Secret secrets/login");
    const write = async (type: string, data: Record<string, string>): Promise<void> => {
      await field.secrets.delete(secret);
      const base64 = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
      await field.secrets.create({
        apiVersion: "v1",
        kind: "Secret",
        metadata: secret,
        type,
        data: Object.fromEntries(base64),
      });
    };
    await write("Opaque", { token: "hush" });
    const invalid = await field.awaitApi("secrets", "other", "False", "CredentialsInvalid");
    expect(readyOf(invalid)?.message).toContain("kubernetes.io/basic-auth");
    await write("kubernetes.io/basic-auth", { username: "certferry", password: "wrong-one" });
    const refused = await field.awaitApi("secrets", "other", "False", "Unauthorized");
    expect(readyOf(refused)?.message).toContain("user name and password");
    expect(JSON.stringify([missing, invalid, refused])).not.toMatch(/wrong-one|hush/);
    await write("kubernetes.io/basic-auth", { username: "certferry", password: "right" });
    await field.awaitApi("secrets", "other", "True", "Connected");
  });

  it("SigningKeyMissing: a public key is published whose private half is gone, until it is restored", async () => {
    const site = await Site.open(field, "keyless");
    // As in a cluster that was restored without the operator's namespace.
    await field.namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "restored" } });
    const key = await generateSigningKey();
    const data = { "jwks.json": JSON.stringify(publicJwks([key])), "public.pem": publicPem(key) };
    const metadata = { namespace: "restored", name: "certferry-jwks" };
    await field.configMaps.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data });
    const cloud = await site.cloud({ flavor: "azure", jwks: publicJwks([key]) });
    await field.api("restored", "azure", azureAt(cloud.url, cloud.caPem));
    const api = await field.awaitApi("restored", "azure", "False", "SigningKeyMissing");
    expect(readyOf(api)?.message).toContain("Restore the Secret");
    expect(cloud.received.requests).toEqual([]);
    const pem = Buffer.from(await exportPrivatePem(key)).toString("base64");
    await field.secrets.create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: OPERATOR_NAMESPACE, name: "certferry-signing-key-restored" },
      type: "certferry.dev/signing-key",
      data: { "signing-key.pem": pem },
    });
    await field.awaitApi("restored", "azure", "True", "Connected");
  });

  it("Suspended: and then it is not even probed", async () => {
    const site = await Site.open(field, "still");
    const cloud = await site.aws("aws");
    await field.awaitApi("still", "aws", "True");
    await site.editApi("aws", { suspend: true });
    const api = await field.awaitApi("still", "aws", "False", "Suspended");
    expect(api.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Stalled", status: "True" }),
    );
    // What it said of itself when it was asked last is still true.
    expect(api.status).toMatchObject({ compatibilityVersion: 1 });
    const before = probes(cloud);
    await site.editApi("aws", { suspend: true, displayName: "Still" });
    await eventually(async (signal) => {
      const seen = await field.cloudApis.get({ namespace: "still", name: "aws" }, signal);
      return seen.status?.observedGeneration === seen.metadata.generation;
    });
    expect(probes(cloud)).toBe(before);
  });
});

describe.concurrent("the status of a CloudApi", () => {
  it("is not written anew by probes that find the same", async () => {
    const site = await Site.open(field, "stable");
    const cloud = await site.cloud({ flavor: "azure" });
    cloud.fail({ kind: "refuseToken" }, { times: 1_000, on: "info" });
    await field.api("stable", "azure", azureAt(cloud.url, cloud.caPem));
    const first = await field.awaitApi("stable", "azure", "False", "Unauthorized");
    const seen = probes(cloud);
    await eventually(() => probes(cloud) >= seen + 2);
    const later = await field.cloudApis.get({ namespace: "stable", name: "azure" });
    expect(later.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });
});

describe.concurrent("a CloudApi that is deleted while a batch names it", () => {
  it("is missed by the batch, which goes on elsewhere; made again, it has its devices still", async () => {
    const site = await Site.open(field, "deleted");
    const gone = await site.aws("gone");
    await site.azure("stays");
    await field.ship("G001", 3);
    await site.bind("G001", ["gone"]);
    await site.ready("G001");
    const { spec } = await field.cloudApis.get({ namespace: "deleted", name: "gone" });
    await field.cloudApis.delete({ namespace: "deleted", name: "gone" });
    await site.notReady("G001", "False", "CloudBlocked");
    const line = await site.line("G001", "gone", ({ state }) => state === "Blocked");
    expect(line.message).toMatch(
      /^CloudApiNotFound: there is no CloudApi gone .*create it, or change spec.cloudApis/,
    );
    await site.edit("G001", { cloudApis: [{ name: "gone" }, { name: "stays" }] });
    await site.line("G001", "stays", ({ state }) => state === "Provisioned");

    await field.api("deleted", "gone", spec);
    await site.ready("G001");
    expect(gone.registry.counts()).toMatchObject({ devices: 3, pushes: 3 });
  });

  it("is held while its devices are to be taken out, and says so", async () => {
    const site = await Site.open(field, "held-back");
    await site.aws("aws");
    await field.ship("G010", 2);
    await site.bind("G010", ["aws"], { deletionPolicy: "Deprovision" });
    await site.ready("G010");
    const key = { namespace: "held-back", name: "aws" };
    await eventually(
      async (signal) => (await field.cloudApis.get(key, signal)).metadata.finalizers?.length === 1,
    );
    await field.cloudApis.delete(key);
    const held = await field.cloudApis.get(key);
    expect(held.metadata.deletionTimestamp).toBeDefined();
    await site.edit("G010", { deletionPolicy: "Retain" });
    await eventually(async (signal) => (await field.cloudApis.find(key, signal)) === undefined, {
      what: "the CloudApi goes when nothing is to be taken out of it",
      deadline: 15_000,
    });
  });
});
