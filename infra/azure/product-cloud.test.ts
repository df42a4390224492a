import { beforeAll, describe, expect, it } from "vitest";
import { freshJwks } from "../dry-run/keys.ts";
import { DRY_RUN } from "../dry-run/mocks.ts";
import { type DryRun, dryRun, type RecordedResource } from "../dry-run/record.ts";
import type { AzureProductCloudArgs } from "./product-cloud.ts";
import { ROLES } from "./roles.ts";

const jwks = freshJwks();
const built = { content: Buffer.from("a package"), hash: "5eed" };
const TAGS = { "managed-by": "certferry", "certferry-stack": "certferry/dry-run" };

async function cloudWith(args: Partial<AzureProductCloudArgs> = {}): Promise<DryRun> {
  return await dryRun(async () => {
    const { AzureProductCloud } = await import("./product-cloud.ts");
    const cloud = new AzureProductCloud("factory", { jwks, package: built, tags: TAGS, ...args });
    const { interopUrl, subscriptionId, location, iotHubHostName } = cloud;
    return { interopUrl, subscriptionId, location, iotHubHostName };
  });
}

describe("a product cloud in Azure", () => {
  let run: DryRun;
  const all = (type: string): RecordedResource[] =>
    run.resources.filter((resource) => resource.type.endsWith(`:${type}`));
  const one = (type: string): RecordedResource => {
    const [found, ...more] = all(type);
    if (found === undefined || more.length > 0) throw new Error(`not one of ${type}`);
    return found;
  };
  const settings = (): Record<string, string> => {
    const { appSettings } = one("WebApp").inputs["siteConfig"] as {
      appSettings: { name: string; value: string }[];
    };
    return Object.fromEntries(appSettings.map(({ name, value }) => [name, value]));
  };

  beforeAll(async () => {
    run = await cloudWith();
  });

  it("tells the fields of its CloudApi", () => {
    expect(run.outputs).toEqual({
      interopUrl: "https://factory1a2b3c4d.azurewebsites.net/interop",
      subscriptionId: DRY_RUN.subscriptionId,
      location: DRY_RUN.location,
      iotHubHostName: "factory1a2b3c4d.azure-devices.net",
    });
  });

  it("is one component, and the parent of all that it makes, which are tagged", () => {
    const component = one("ProductCloud");
    const others = run.resources.filter(({ urn }) => urn !== component.urn);
    expect(others.length).toBeGreaterThan(12);
    expect(new Set(others.map(({ parent }) => parent))).toEqual(new Set([component.urn]));
    const tagged = others.filter(({ inputs }) => "tags" in inputs);
    expect(tagged.length).toBe(8);
    for (const { inputs } of tagged) expect(inputs["tags"]).toEqual(TAGS);
  });

  it("protects what holds devices, and the group around it", async () => {
    const kept = (of: DryRun): string[] =>
      of.resources
        .filter(({ protect }) => protect)
        .map(({ type }) => type.split(":").at(-1) ?? "")
        .sort();
    expect(kept(run)).toEqual(["IotHubResource", "ResourceGroup"]);
    expect(kept(await cloudWith({ hub: { use: { name: "hub", resourceGroup: "iot" } } }))).toEqual([]);
    expect(kept(await cloudWith({ protect: false }))).toEqual([]);
  });

  it("keeps its package in storage without keys", () => {
    expect(one("StorageAccount").inputs).toMatchObject({
      allowSharedKeyAccess: false,
      allowBlobPublicAccess: false,
      minimumTlsVersion: "TLS1_2",
      enableHttpsTrafficOnly: true,
      encryption: { requireInfrastructureEncryption: true, services: { blob: { enabled: true } } },
    });
    expect(one("StorageAccount").inputs["accountName"]).toBe("factory1a2b3c4d");
    expect(one("BlobContainer").inputs).toMatchObject({ publicAccess: "None" });
  });

  it("runs the callee on the Flex Consumption plan, from that package, as its own identity", () => {
    expect(one("AppServicePlan").inputs).toMatchObject({
      sku: { name: "FC1", tier: "FlexConsumption" },
      reserved: true,
    });
    const identity = `/subscriptions/${DRY_RUN.subscriptionId}/resourceGroups/factory1a2b3c4d/providers/Microsoft.ManagedIdentity/userAssignedIdentities/factory1a2b3c4d`;
    const app = one("WebApp");
    expect(app.inputs).toMatchObject({
      kind: "functionapp,linux",
      httpsOnly: true,
      functionAppConfig: {
        deployment: {
          storage: {
            type: "blobContainer",
            value: "https://factory1a2b3c4d.blob.core.windows.net/package",
            authentication: {
              type: "UserAssignedIdentity",
              userAssignedIdentityResourceId: identity,
            },
          },
        },
        runtime: { name: "node", version: "24" },
        scaleAndConcurrency: { maximumInstanceCount: 40, instanceMemoryMB: 2048 },
      },
      siteConfig: { minTlsVersion: "1.2", scmMinTlsVersion: "1.2", ftpsState: "Disabled" },
    });
    expect(app.dependencies).toContain(one("BlobContainer").urn);
    // The package goes up before the app is made or changed, and its routes are told afterwards.
    expect(app.hooks).toEqual(["beforeCreate", "afterCreate", "beforeUpdate", "afterUpdate"]);
  });

  it("tells the callee whom to trust and where the devices are, and gives it no key", () => {
    expect(settings()).toMatchObject({
      AUDIENCE: DRY_RUN.subscriptionId,
      IOT_HUB_HOST: "factory1a2b3c4d.azure-devices.net",
      DEFAULT_TOPIC: "iqs",
      CERTFERRY_PACKAGE: "5eed",
      AzureWebJobsStorage__credential: "managedidentity",
      AZURE_CLIENT_ID: "11111111-1111-4111-8111-111111111111",
    });
    expect(settings()).toMatchObject({
      DEVICE_NAME_TEMPLATE: "<serial>",
      IOT_HUB_TWINS: "false",
      AzureWebJobsDisableHomepage: "true",
    });
    expect(settings()).not.toHaveProperty("AzureWebJobsStorage");
    const { keys } = JSON.parse(settings()["JWKS"] ?? "") as { keys: { x: string }[] };
    expect(keys.map(({ x }) => x)).toEqual(
      (JSON.parse(jwks) as { keys: { x: string }[] }).keys.map(({ x }) => x),
    );
    expect(JSON.stringify(run.resources.map(({ inputs }) => inputs))).not.toMatch(
      /AccountKey|SharedAccessKey|HostName=|token-of-the-deployer/,
    );
  });

  it("gives the identity the narrowest roles on what it uses, and the deployer one for the upload", () => {
    const given = all("RoleAssignment").map(({ inputs }) => {
      const id = String(inputs["roleDefinitionId"]).split("/").at(-1);
      const role = Object.entries(ROLES).find(([, value]) => value === id)?.[0];
      return `${role}, ${String(inputs["scope"]).split("/").slice(-2).join("/")}, ${String(inputs["principalId"])}`;
    });
    const identity = "22222222-2222-4222-8222-222222222222";
    expect(given.sort()).toEqual([
      `iotHubRegistryContributor, IotHubs/factory1a2b3c4d, ${identity}`,
      `monitoringMetricsPublisher, components/factory1a2b3c4d, ${identity}`,
      "storageBlobDataContributor, storageAccounts/factory-package1a2b3c4d, 44444444-4444-4444-8444-444444444444",
      `storageBlobDataOwner, storageAccounts/factory-package1a2b3c4d, ${identity}`,
    ]);
    for (const { urn } of all("RoleAssignment")) expect(one("WebApp").dependencies).toContain(urn);
  });

  it("makes a hub that devices enter with certificates only", () => {
    expect(one("IotHubResource").inputs).toMatchObject({
      sku: { name: "S1", capacity: 1 },
      properties: {
        disableLocalAuth: true,
        disableDeviceSAS: true,
        disableModuleSAS: true,
        minTlsVersion: "1.2",
      },
    });
  });

  it("uses a hub that is there", async () => {
    run = await cloudWith({ hub: { use: { name: "plant-hub", resourceGroup: "iot" } } });
    expect(all("IotHubResource")).toEqual([]);
    expect(settings()["IOT_HUB_HOST"]).toBe("plant-hub.azure-devices.net");
    const scopes = all("RoleAssignment").map(({ inputs }) => String(inputs["scope"]));
    expect(scopes.filter((scope) => scope.includes("IotHubs"))).toEqual([
      `/subscriptions/${DRY_RUN.subscriptionId}/resourceGroups/iot/providers/Microsoft.Devices/IotHubs/plant-hub`,
    ]);
  });

  it("uses twins where it is told to, with the role that takes", async () => {
    run = await cloudWith({ twins: true, deviceNameTemplate: "<fingerprint>" });
    expect(settings()).toMatchObject({ IOT_HUB_TWINS: "true", DEVICE_NAME_TEMPLATE: "<fingerprint>" });
    const twins = all("RoleAssignment").find(({ name }) => name === "factory-twins");
    expect(twins?.inputs["roleDefinitionId"]).toContain(ROLES.iotHubTwinContributor);
    expect(one("WebApp").dependencies).toContain(twins?.urn);
  });

  it("tells the callee nothing that the callee does not take", async () => {
    const { readFunctionEnvironment } = await import("../../interop/hosts/azure-function-environment.ts");
    const platform = { IDENTITY_ENDPOINT: "http://127.0.0.1:4141/msi", IDENTITY_HEADER: "from-the-platform" };
    for (const twins of [false, true]) {
      run = await cloudWith({ twins });
      expect(readFunctionEnvironment({ ...platform, ...settings() })).toMatchObject({
        AUDIENCE: DRY_RUN.subscriptionId,
        IOT_HUB_TWINS: String(twins),
      });
    }
  });

  it("takes what it is told", async () => {
    run = await cloudWith({
      location: "northeurope",
      hub: { create: { sku: "S2", units: 3 } },
      maximumInstances: 5,
      memoryMiB: 512,
      logRetentionDays: 90,
      defaultTopic: "plant",
      grantUpload: false,
    });
    expect(run.outputs).toMatchObject({ location: "northeurope" });
    expect(one("IotHubResource").inputs).toMatchObject({
      location: "northeurope",
      sku: { name: "S2", capacity: 3 },
    });
    expect(one("WebApp").inputs).toMatchObject({
      functionAppConfig: { scaleAndConcurrency: { maximumInstanceCount: 5, instanceMemoryMB: 512 } },
    });
    expect(one("Workspace").inputs).toMatchObject({ retentionInDays: 90 });
    expect(one("Component").inputs).toMatchObject({ retentionInDays: 90, disableLocalAuth: true });
    expect(settings()["DEFAULT_TOPIC"]).toBe("plant");
    expect(all("RoleAssignment").map(({ name }) => name)).not.toContain("factory-upload");
  });

  it("can be renamed: the children's names begin with its own, so that an alias of it finds them", () => {
    const children = run.resources.filter(({ type }) => type !== "certferry:azure:ProductCloud");
    expect(children.filter(({ name }) => !name.startsWith("factory"))).toEqual([]);
  });

  it("uses the provider that it is given", async () => {
    run = await dryRun(async () => {
      const { Provider } = await import("@pulumi/azure-native/provider.js");
      const { AzureProductCloud } = await import("./product-cloud.ts");
      const provider = new Provider("elsewhere", { location: "northeurope" });
      return { url: new AzureProductCloud("factory", { jwks, package: built }, { provider }).interopUrl };
    });
    const made = run.resources.filter(({ custom, type }) => custom && type.startsWith("azure-native:"));
    expect(made.length).toBeGreaterThan(12);
    for (const { provider } of made) expect(provider).toMatch(/pulumi:providers:azure-native::elsewhere::/);
  });
});
