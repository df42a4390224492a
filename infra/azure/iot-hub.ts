import * as iothub from "@pulumi/azure-native/iothub/index.js";
import type * as pulumi from "@pulumi/pulumi";
import type { AzurePlace } from "./place.ts";

/** An IoT Hub that is there already. */
export interface Existing {
  readonly use: { readonly name: string; readonly resourceGroup: string };
}

export interface NewHub {
  readonly create: {
    /** `S1`, `S2`, `S3`, `B1` …; the free `F1` too, of which a subscription has one. */
    readonly sku: string;
    readonly units: number;
  };
}

/** What the function needs to know of a hub: its ID for a role, and where it answers. */
export interface Hub {
  readonly id: pulumi.Output<string>;
  readonly hostName: pulumi.Output<string>;
}

/**
 * The IoT Hub that devices connect to. One that is made here lets nobody in with a shared key: devices have
 * certificates, and services have roles.
 */
export function iotHub(
  name: string,
  args: { readonly hub: NewHub | Existing; readonly place: AzurePlace },
  opts: { readonly lasting: pulumi.CustomResourceOptions; readonly invoke: pulumi.InvokeOutputOptions },
): Hub {
  const { hub, place } = args;
  if ("use" in hub) {
    const found = iothub.getIotHubResourceOutput(
      { resourceGroupName: hub.use.resourceGroup, resourceName: hub.use.name },
      opts.invoke,
    );
    return { id: found.id, hostName: found.properties.hostName };
  }
  const made = new iothub.IotHubResource(
    name,
    {
      resourceGroupName: place.resourceGroupName,
      location: place.location,
      sku: { name: hub.create.sku, capacity: hub.create.units },
      properties: {
        disableLocalAuth: true,
        disableDeviceSAS: true,
        disableModuleSAS: true,
        minTlsVersion: "1.2",
      },
      tags: { ...place.tags },
    },
    opts.lasting,
  );
  return { id: made.id, hostName: made.properties.hostName };
}
