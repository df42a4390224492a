import * as authorization from "@pulumi/azure-native/authorization/index.js";
import * as pulumi from "@pulumi/pulumi";

/**
 * Built-in roles (learn.microsoft.com/azure/role-based-access-control/built-in-roles): each the narrowest that
 * does the job.
 */
export const ROLES = {
  /** The Functions host keeps its own state and reads the package there; less is refused by the host. */
  storageBlobDataOwner: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
  /** Uploads the package. */
  storageBlobDataContributor: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
  /** Reads, makes and removes devices; sends and reads no messages. */
  iotHubRegistryContributor: "4ea46cd5-c1b2-4a8e-910b-273211f9ce47",
  /** Reads and writes the twins of all devices. */
  iotHubTwinContributor: "494bdba2-168f-4f31-a0a1-191d2f7c028c",
  /** Sends telemetry. */
  monitoringMetricsPublisher: "3913510d-42f4-4e42-8a64-420c390055eb",
} as const;

/** Gives a principal one role on one resource. */
export function assignRole(
  name: string,
  args: {
    readonly role: keyof typeof ROLES;
    readonly scope: pulumi.Input<string>;
    readonly subscriptionId: pulumi.Input<string>;
    readonly principalId: pulumi.Input<string>;
    /** Told for identities that were made a moment ago, which the directory may not know yet everywhere. */
    readonly principalType?: "ServicePrincipal";
  },
  opts: pulumi.CustomResourceOptions,
): authorization.RoleAssignment {
  return new authorization.RoleAssignment(
    name,
    {
      scope: args.scope,
      principalId: args.principalId,
      ...(args.principalType === undefined ? {} : { principalType: args.principalType }),
      roleDefinitionId: pulumi.interpolate`/subscriptions/${args.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${ROLES[args.role]}`,
    },
    opts,
  );
}
