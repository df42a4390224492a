import type * as pulumi from "@pulumi/pulumi";

/** Who and where a dry run pretends to be. */
export const DRY_RUN = {
  accountId: "123456789012",
  region: "eu-west-1",
  subscriptionId: "0f3c1c0a-6a1e-4e59-9d4b-2f5f6c1b7a90",
  location: "westeurope",
} as const;

type Properties = Record<string, unknown>;

const arn = (service: string, rest: string): string =>
  `arn:aws:${service}:${DRY_RUN.region}:${DRY_RUN.accountId}:${rest}`;

const named = (inputs: Properties, otherwise: string): string =>
  typeof inputs["name"] === "string" ? inputs["name"] : otherwise;

/** What providers would add to the inputs, as far as other resources use it. */
function computed(type: string, name: string, inputs: Properties): Properties {
  const physical = named(inputs, `${name}-1a2b3c4`);
  const azure = (kind: string): string =>
    `/subscriptions/${DRY_RUN.subscriptionId}/resourceGroups/${String(inputs["resourceGroupName"])}/providers/${kind}/${name}1a2b3c4d`;
  switch (type) {
    case "aws:iam/role:Role":
      return { name: physical, arn: `arn:aws:iam::${DRY_RUN.accountId}:role/${physical}` };
    case "aws:iot/policy:Policy":
      return { name: physical, arn: arn("iot", `policy/${physical}`) };
    case "aws:iot/thingType:ThingType":
      return { name: physical, arn: arn("iot", `thingtype/${physical}`) };
    case "aws:cloudwatch/logGroup:LogGroup":
      return { name: physical, arn: arn("logs", `log-group:${physical}`) };
    case "aws:lambda/function:Function":
      return {
        name: physical,
        arn: arn("lambda", `function:${physical}`),
        invokeArn: `arn:aws:apigateway:${DRY_RUN.region}:lambda:path/2015-03-31/functions/${arn("lambda", `function:${physical}`)}/invocations`,
      };
    case "aws:apigateway/restApi:RestApi":
      return {
        id: "a1b2c3d4e5",
        rootResourceId: "root",
        executionArn: arn("execute-api", "a1b2c3d4e5"),
      };
    case "aws:apigateway/stage:Stage":
      return {
        invokeUrl: `https://a1b2c3d4e5.execute-api.${DRY_RUN.region}.amazonaws.com/${String(inputs["stageName"])}`,
      };
    case "azure-native:resources:ResourceGroup":
      return {
        id: `/subscriptions/${DRY_RUN.subscriptionId}/resourceGroups/${name}1a2b3c4d`,
        name: `${name}1a2b3c4d`,
        location: inputs["location"] ?? DRY_RUN.location,
      };
    case "azure-native:managedidentity:UserAssignedIdentity":
      return {
        id: azure("Microsoft.ManagedIdentity/userAssignedIdentities"),
        clientId: "11111111-1111-4111-8111-111111111111",
        principalId: "22222222-2222-4222-8222-222222222222",
      };
    case "azure-native:storage:StorageAccount":
      return {
        id: azure("Microsoft.Storage/storageAccounts"),
        name: inputs["accountName"],
        primaryEndpoints: { blob: `https://${String(inputs["accountName"])}.blob.core.windows.net/` },
      };
    case "azure-native:storage:BlobContainer":
      return { name: inputs["containerName"] };
    case "azure-native:iothub:IotHubResource":
      return {
        id: azure("Microsoft.Devices/IotHubs"),
        properties: {
          ...(inputs["properties"] as Properties),
          hostName: `${name}1a2b3c4d.azure-devices.net`,
        },
      };
    case "azure-native:operationalinsights:Workspace":
      return { id: azure("Microsoft.OperationalInsights/workspaces") };
    case "azure-native:applicationinsights:Component":
      return {
        id: azure("Microsoft.Insights/components"),
        connectionString: "InstrumentationKey=33333333-3333-4333-8333-333333333333",
      };
    case "azure-native:web:AppServicePlan":
      return { id: azure("Microsoft.Web/serverfarms") };
    case "azure-native:web:WebApp":
      return {
        id: azure("Microsoft.Web/sites"),
        name: `${name}1a2b3c4d`,
        defaultHostName: `${name}1a2b3c4d.azurewebsites.net`,
      };
    default:
      return {};
  }
}

function called(token: string, inputs: Properties): Properties {
  switch (token) {
    case "aws:index/getCallerIdentity:getCallerIdentity":
      return {
        accountId: DRY_RUN.accountId,
        arn: `arn:aws:iam::${DRY_RUN.accountId}:user/deployer`,
        userId: "AIDA",
        id: DRY_RUN.accountId,
      };
    case "aws:index/getRegion:getRegion":
      return { region: DRY_RUN.region, id: DRY_RUN.region };
    case "azure-native:authorization:getClientConfig":
      return {
        subscriptionId: DRY_RUN.subscriptionId,
        objectId: "44444444-4444-4444-8444-444444444444",
        clientId: "55555555-5555-4555-8555-555555555555",
        tenantId: "66666666-6666-4666-8666-666666666666",
      };
    case "azure-native:authorization:getClientToken":
      return { token: "a-token-of-the-deployer" };
    case "azure-native:iothub:getIotHubResource":
      return {
        id: `/subscriptions/${DRY_RUN.subscriptionId}/resourceGroups/${String(inputs["resourceGroupName"])}/providers/Microsoft.Devices/IotHubs/${String(inputs["resourceName"])}`,
        properties: { hostName: `${String(inputs["resourceName"])}.azure-devices.net` },
      };
    default:
      throw new Error(`a dry run knows no answer to ${token}: add it to infra/dry-run/mocks.ts`);
  }
}

/** The providers of a dry run: whatever is asked for is there, and nothing outside is touched. */
export const mocks: pulumi.runtime.Mocks = {
  call: ({ token, inputs }) => called(token, inputs as Properties),
  newResource: ({ type, name, inputs }) => {
    const state = { ...(inputs as Properties), ...computed(type, name, inputs as Properties) };
    return { id: typeof state["id"] === "string" ? state["id"] : `${name}-id`, state };
  },
};
