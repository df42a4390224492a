import * as storage from "@pulumi/azure-native/storage/index.js";
import * as pulumi from "@pulumi/pulumi";
import type { AzurePlace } from "./place.ts";

export interface PackageStorage {
  readonly account: storage.StorageAccount;
  readonly container: storage.BlobContainer;
  /** Where the Functions host looks for its package. */
  readonly containerUrl: pulumi.Output<string>;
}

/**
 * Azure takes 3 to 24 lower-case letters and digits, and no name twice in the world. The group's name ends in
 * random characters of Pulumi's, which these keep.
 */
function accountName(resourceGroupName: string): string {
  return resourceGroupName
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "")
    .slice(-24);
}

/**
 * The storage account of the Function App: for the package and the host's own state. It has no keys that would
 * work: who reads or writes has a role.
 */
export function packageStorage(
  name: string,
  place: AzurePlace,
  opts: pulumi.CustomResourceOptions,
): PackageStorage {
  const account = new storage.StorageAccount(
    `${name}-package`,
    {
      resourceGroupName: place.resourceGroupName,
      accountName: place.resourceGroupName.apply(accountName),
      location: place.location,
      kind: storage.Kind.StorageV2,
      sku: { name: storage.SkuName.Standard_LRS },
      allowSharedKeyAccess: false,
      defaultToOAuthAuthentication: true,
      allowBlobPublicAccess: false,
      allowCrossTenantReplication: false,
      minimumTlsVersion: storage.MinimumTlsVersion.TLS1_2,
      enableHttpsTrafficOnly: true,
      encryption: {
        keySource: storage.KeySource.Microsoft_Storage,
        requireInfrastructureEncryption: true,
        services: { blob: { enabled: true, keyType: storage.KeyType.Account } },
      },
      tags: { ...place.tags },
    },
    opts,
  );
  const container = new storage.BlobContainer(
    `${name}-package`,
    {
      resourceGroupName: place.resourceGroupName,
      accountName: account.name,
      containerName: "package",
      publicAccess: storage.PublicAccess.None,
    },
    opts,
  );
  return {
    account,
    container,
    containerUrl: pulumi.interpolate`${account.primaryEndpoints.blob}${container.name}`,
  };
}
