import { getClientConfigOutput } from "@pulumi/azure-native/authorization/index.js";
import * as managedidentity from "@pulumi/azure-native/managedidentity/index.js";
import * as resources from "@pulumi/azure-native/resources/index.js";
import * as pulumi from "@pulumi/pulumi";
import { type DeploymentPackage, functionAppPackage } from "../bundle/archives.ts";
import { trustedJwks } from "../config/jwks.ts";
import { functionApp } from "./function-app.ts";
import { type Existing, iotHub, type NewHub } from "./iot-hub.ts";
import { monitoring } from "./monitoring.ts";
import type { AzurePlace } from "./place.ts";
import { assignRole } from "./roles.ts";
import { packageStorage } from "./storage.ts";
import { deployerTokens } from "./tokens.ts";

export interface AzureProductCloudArgs {
  /** The public keys of those who may call: a JWKS as JSON. Several keys are all taken, so that one can follow another. */
  readonly jwks: string;
  /** The region, e.g. `westeurope`; the provider's unless told. */
  readonly location?: string | undefined;
  /** The hub that devices connect to: a new one (S1, one unit, unless told), or one that is there. */
  readonly hub?: NewHub | Existing | undefined;
  /**
   * Whether the callee uses device twins too: it notes a batch there, and reads faster. Takes a standard tier, and
   * gives the function the right to all twins; false unless told.
   */
  readonly twins?: boolean | undefined;
  /** What devices are called; `<serial>` unless told (docs/interop.md). */
  readonly deviceNameTemplate?: string | undefined;
  /** The topic that devices are told; `iqs` unless told. */
  readonly defaultTopic?: string | undefined;
  /** Instances of the function at most; 40 unless told (the least ceiling that the plan takes is 1). */
  readonly maximumInstances?: number | undefined;
  /** Memory of an instance in MiB: 512, 2048 (unless told) or 4096. */
  readonly memoryMiB?: number | undefined;
  /** Days that logs are kept, 30 to 730; 30 unless told. */
  readonly logRetentionDays?: number | undefined;
  /** Whether what holds devices (a new hub, and the group with it) is protected from deletion; true unless told. */
  readonly protect?: boolean | undefined;
  /** Whether who deploys gets the role to upload the package; true unless told (else somebody else gives it). */
  readonly grantUpload?: boolean | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** The package with the function's code; the bundled callee unless told. */
  readonly package?: DeploymentPackage | undefined;
}

/**
 * A product cloud in Azure: a Function App that speaks the interop protocol, in front of an IoT Hub's registry.
 * Nothing in it knows a key or a connection string. Its outputs are the fields of a CloudApi.
 */
export class AzureProductCloud extends pulumi.ComponentResource {
  /** The whole address that is posted to. */
  readonly interopUrl: pulumi.Output<string>;
  readonly subscriptionId: pulumi.Output<string>;
  readonly location: pulumi.Output<string>;
  readonly resourceGroupName: pulumi.Output<string>;
  readonly functionAppName: pulumi.Output<string>;
  readonly iotHubHostName: pulumi.Output<string>;

  constructor(name: string, args: AzureProductCloudArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("certferry:azure:ProductCloud", name, {}, opts);
    const { tags = {}, hub = { create: { sku: "S1", units: 1 } } } = args;
    const child: pulumi.CustomResourceOptions = { parent: this };
    const lasting: pulumi.CustomResourceOptions = { parent: this, protect: args.protect ?? true };
    const invoke: pulumi.InvokeOutputOptions = { parent: this };

    const group = new resources.ResourceGroup(
      name,
      { ...(args.location === undefined ? {} : { location: args.location }), tags: { ...tags } },
      "create" in hub ? lasting : child,
    );
    const client = getClientConfigOutput(invoke);
    const place: AzurePlace = {
      resourceGroupName: group.name,
      location: group.location,
      subscriptionId: client.subscriptionId,
      tags,
    };

    const identity = new managedidentity.UserAssignedIdentity(
      name,
      { resourceGroupName: place.resourceGroupName, location: place.location, tags: { ...tags } },
      child,
    );
    const stored = packageStorage(name, place, child);
    const insights = monitoring(name, { place, retentionDays: args.logRetentionDays ?? 30 }, child);
    const devices = iotHub(name, { hub, place }, { lasting, invoke });

    const grant = (
      label: string,
      role: Parameters<typeof assignRole>[1]["role"],
      scope: pulumi.Input<string>,
    ): pulumi.Resource =>
      assignRole(
        `${name}-${label}`,
        {
          role,
          scope,
          subscriptionId: place.subscriptionId,
          principalId: identity.principalId,
          principalType: "ServicePrincipal",
        },
        child,
      );
    const roles = [
      grant("storage", "storageBlobDataOwner", stored.account.id),
      grant("telemetry", "monitoringMetricsPublisher", insights.id),
      grant("devices", "iotHubRegistryContributor", devices.id),
      ...(args.twins === true ? [grant("twins", "iotHubTwinContributor", devices.id)] : []),
    ];
    const uploadRoles =
      (args.grantUpload ?? true)
        ? [
            assignRole(
              `${name}-upload`,
              {
                role: "storageBlobDataContributor",
                scope: stored.account.id,
                subscriptionId: place.subscriptionId,
                principalId: client.objectId,
              },
              child,
            ),
          ]
        : [];

    const app = functionApp(
      name,
      {
        place,
        storage: stored,
        identity,
        insights,
        package: args.package ?? functionAppPackage(),
        settings: {
          AUDIENCE: place.subscriptionId,
          JWKS: trustedJwks(args.jwks),
          IOT_HUB_HOST: devices.hostName,
          DEFAULT_TOPIC: args.defaultTopic ?? "iqs",
          DEVICE_NAME_TEMPLATE: args.deviceNameTemplate ?? "<serial>",
          IOT_HUB_TWINS: String(args.twins ?? false),
        },
        maximumInstances: args.maximumInstances ?? 40,
        memoryMiB: args.memoryMiB ?? 2048,
        tokens: deployerTokens(invoke),
        roles: [...roles, ...uploadRoles],
      },
      child,
    );

    this.interopUrl = pulumi.interpolate`https://${app.defaultHostName}/interop`;
    this.subscriptionId = place.subscriptionId;
    this.location = place.location;
    this.resourceGroupName = place.resourceGroupName;
    this.functionAppName = app.name;
    this.iotHubHostName = devices.hostName;
    this.registerOutputs({
      interopUrl: this.interopUrl,
      subscriptionId: this.subscriptionId,
      location: this.location,
      resourceGroupName: this.resourceGroupName,
      functionAppName: this.functionAppName,
      iotHubHostName: this.iotHubHostName,
    });
  }
}
