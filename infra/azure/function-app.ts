import type * as applicationinsights from "@pulumi/azure-native/applicationinsights/index.js";
import type * as managedidentity from "@pulumi/azure-native/managedidentity/index.js";
import * as web from "@pulumi/azure-native/web/index.js";
import * as pulumi from "@pulumi/pulumi";
import type { DeploymentPackage } from "../bundle/archives.ts";
import type { AzurePlace } from "./place.ts";
import type { PackageStorage } from "./storage.ts";
import { type deployerTokens } from "./tokens.ts";
import { managementOf, syncTriggers, uploadPackage } from "./upload.ts";

/** The newest that Azure Functions runs on this plan (learn.microsoft.com/azure/azure-functions/functions-versions). */
export const NODE_VERSION = "24";

export interface FunctionAppArgs {
  readonly place: AzurePlace;
  readonly storage: PackageStorage;
  readonly identity: managedidentity.UserAssignedIdentity;
  readonly insights: applicationinsights.Component;
  readonly package: DeploymentPackage;
  readonly settings: Readonly<Record<string, pulumi.Input<string>>>;
  readonly maximumInstances: number;
  /** 512, 2048 or 4096. */
  readonly memoryMiB: number;
  readonly tokens: ReturnType<typeof deployerTokens>;
  /** What the app and the upload of its package need: the roles. */
  readonly roles: readonly pulumi.Resource[];
}

/** The Function App on a plan of its own, and before it the package that it runs. */
export function functionApp(
  name: string,
  args: FunctionAppArgs,
  opts: pulumi.CustomResourceOptions,
): web.WebApp {
  const { resourceGroupName, location, tags } = args.place;
  const plan = new web.AppServicePlan(
    name,
    {
      resourceGroupName,
      location,
      kind: "functionapp",
      reserved: true,
      sku: { name: "FC1", tier: "FlexConsumption" },
      tags: { ...tags },
    },
    opts,
  );
  return new web.WebApp(
    name,
    {
      resourceGroupName,
      location,
      kind: "functionapp,linux",
      serverFarmId: plan.id,
      httpsOnly: true,
      identity: {
        type: web.ManagedServiceIdentityType.UserAssigned,
        userAssignedIdentities: [args.identity.id],
      },
      functionAppConfig: {
        deployment: {
          storage: {
            type: web.FunctionsDeploymentStorageType.BlobContainer,
            value: args.storage.containerUrl,
            authentication: {
              type: web.AuthenticationType.UserAssignedIdentity,
              userAssignedIdentityResourceId: args.identity.id,
            },
          },
        },
        runtime: { name: web.RuntimeName.Node, version: NODE_VERSION },
        scaleAndConcurrency: {
          maximumInstanceCount: args.maximumInstances,
          instanceMemoryMB: args.memoryMiB,
        },
      },
      siteConfig: {
        minTlsVersion: web.SupportedTlsVersions.SupportedTlsVersions_1_2,
        scmMinTlsVersion: web.SupportedTlsVersions.SupportedTlsVersions_1_2,
        ftpsState: web.FtpsState.Disabled,
        http20Enabled: true,
        appSettings: settings(args),
      },
      tags: { ...tags },
    },
    pulumi.mergeOptions(opts, {
      dependsOn: [args.storage.container, ...args.roles],
      hooks: packageHooks(args.package, args.tokens),
    }),
  );
}

/**
 * Puts the package into its container before the app is made or changed, so that an upload which fails stops that
 * too and is tried again by the next update. The provider's own resource for blobs would do it with the storage
 * account's key, which is switched off (pulumi-azure-native, pull request 3719).
 */
export function packageHooks(
  { content }: DeploymentPackage,
  tokens: FunctionAppArgs["tokens"],
): pulumi.ResourceHookBinding {
  const upload = async ({ newInputs }: pulumi.ResourceHookArgs): Promise<void> => {
    await uploadPackage(containerOf(newInputs), content, tokens.storage);
  };
  const sync = async ({ id, newOutputs }: pulumi.ResourceHookArgs): Promise<void> => {
    await syncTriggers(managementOf(String(newOutputs?.["defaultHostName"])), id, tokens.management);
  };
  return { beforeCreate: [upload], beforeUpdate: [upload], afterCreate: [sync], afterUpdate: [sync] };
}

function containerOf(inputs: pulumi.ResourceHookArgs["newInputs"]): string {
  const config = inputs?.["functionAppConfig"] as
    | { deployment?: { storage?: { value?: unknown } } }
    | undefined;
  const url = config?.deployment?.storage?.value;
  if (typeof url !== "string") throw new Error("the Function App does not say where its package lies");
  return url;
}

function settings(args: FunctionAppArgs): { name: string; value: pulumi.Input<string> }[] {
  const { clientId } = args.identity;
  const all: Record<string, pulumi.Input<string>> = {
    // The host's storage by name, identity and role instead of by a connection string.
    AzureWebJobsStorage__accountName: args.storage.account.name,
    AzureWebJobsStorage__credential: "managedidentity",
    AzureWebJobsStorage__clientId: clientId,
    // Where telemetry goes. It opens nothing: keys are switched off there, the identity's role counts.
    APPLICATIONINSIGHTS_CONNECTION_STRING: args.insights.connectionString,
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: pulumi.interpolate`ClientId=${clientId};Authorization=AAD`,
    AZURE_CLIENT_ID: clientId,
    // Else the platform answers GET / with a page of its own.
    AzureWebJobsDisableHomepage: "true",
    // Another package under the same name would be noticed at the next start only; a changed setting starts anew.
    CERTFERRY_PACKAGE: args.package.hash,
    ...args.settings,
  };
  return Object.entries(all).map(([name, value]) => ({ name, value }));
}
