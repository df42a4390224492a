import * as applicationinsights from "@pulumi/azure-native/applicationinsights/index.js";
import * as operationalinsights from "@pulumi/azure-native/operationalinsights/index.js";
import type * as pulumi from "@pulumi/pulumi";
import type { AzurePlace } from "./place.ts";

/** Application Insights on a Log Analytics workspace; both take telemetry from those with a role only. */
export function monitoring(
  name: string,
  args: { readonly place: AzurePlace; readonly retentionDays: number },
  opts: pulumi.CustomResourceOptions,
): applicationinsights.Component {
  const { resourceGroupName, location, tags } = args.place;
  const workspace = new operationalinsights.Workspace(
    name,
    {
      resourceGroupName,
      location,
      sku: { name: operationalinsights.WorkspaceSkuNameEnum.PerGB2018 },
      retentionInDays: args.retentionDays,
      features: { disableLocalAuth: true },
      tags: { ...tags },
    },
    opts,
  );
  return new applicationinsights.Component(
    name,
    {
      resourceGroupName,
      location,
      kind: "web",
      applicationType: applicationinsights.ApplicationType.Web,
      ingestionMode: applicationinsights.IngestionMode.LogAnalytics,
      workspaceResourceId: workspace.id,
      retentionInDays: args.retentionDays,
      disableLocalAuth: true,
      tags: { ...tags },
    },
    opts,
  );
}
