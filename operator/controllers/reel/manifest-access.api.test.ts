import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../../tools/cluster/connect.ts";
import { type ControlPlane, startControlPlane } from "../../../tools/control-plane/launcher.ts";
import { type ConfigMap, CONFIG_MAP, type Secret, SECRET } from "../../accounts/core-kinds.ts";
import type { KubeClient } from "../../runtime/client.ts";
import { readManifestConfigMap, readManifestSecret } from "./manifest-access.ts";

const NAMESPACE = "default";
const MANAGED = { "app.kubernetes.io/managed-by": "certferry" };
let controlPlane: ControlPlane;
let client: KubeClient;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

beforeAll(async () => {
  controlPlane = await startControlPlane();
  client = connect(controlPlane.kubeconfig);
});

afterAll(async () => {
  await client.close();
  await controlPlane.stop();
});

async function secret(name: string, type: string | undefined, labels: Record<string, string> = {}) {
  const data = { token: Buffer.from("hidden").toString("base64"), username: "dQ==", password: "cA==" };
  await client.resource<Secret>(SECRET).create(
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace: NAMESPACE, labels },
      ...(type === undefined ? {} : { type }),
      data,
    },
    soon(),
  );
}

describe("readManifestSecret", () => {
  it("reads Secrets that people made for credentials", async () => {
    const read = readManifestSecret(client.resource<Secret>(SECRET), NAMESPACE);
    await secret("basic", "kubernetes.io/basic-auth");
    await secret("plain", undefined);
    for (const name of ["basic", "plain"]) {
      const { token } = await read(name, soon());
      expect(Buffer.from(token ?? []).toString()).toBe("hidden");
    }
  });

  it("reads no Secret that is there for something else, and says so without what it holds", async () => {
    const read = readManifestSecret(client.resource<Secret>(SECRET), NAMESPACE);
    await secret("bootstrap", "bootstrap.kubernetes.io/token");
    await secret("signing", "certferry.dev/signing-key");
    await secret("own", "Opaque", MANAGED);
    for (const name of ["bootstrap", "signing", "own"]) {
      const failure = read(name, soon());
      // Tried again by itself: the Secret can be put right without a change of the reel.
      await expect(failure).rejects.toMatchObject({ reason: "SourceNotAllowed", transient: true });
      await expect(failure).rejects.toThrow(`Secret ${NAMESPACE}/${name}`);
      await expect(failure).rejects.not.toThrow("hidden");
    }
  });

  it("says which Secret is missing", async () => {
    const failure = readManifestSecret(client.resource<Secret>(SECRET), NAMESPACE)("missing", soon());
    await expect(failure).rejects.toMatchObject({ reason: "SourceUnavailable", transient: true });
    await expect(failure).rejects.toThrow("Secret default/missing does not exist");
  });
});

it("readManifestConfigMap reads text and binary data, and names what is missing", async () => {
  const configMaps = client.resource<ConfigMap>(CONFIG_MAP);
  const configMap: ConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "manifests", namespace: NAMESPACE },
    data: { text: "caf\u00E9" },
    binaryData: { binary: "/wA=" },
  };
  await configMaps.create(configMap, soon());
  const read = readManifestConfigMap(configMaps, NAMESPACE);
  await expect(read("manifests", "text", soon())).resolves.toEqual(Buffer.from("caf\u00E9"));
  await expect(read("manifests", "binary", soon())).resolves.toEqual(Buffer.from([0xff, 0]));
  await expect(read("manifests", "other", soon())).rejects.toThrow("has no key other");
  await expect(read("nothing", "text", soon())).rejects.toMatchObject({ reason: "SourceUnavailable" });
});
