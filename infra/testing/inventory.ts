import { GetRestApisCommand } from "@aws-sdk/client-api-gateway";
import { DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { ListRolesCommand } from "@aws-sdk/client-iam";
import {
  ListCertificatesCommand,
  ListPoliciesCommand,
  ListThingGroupsCommand,
  ListThingTypesCommand,
  ListThingsCommand,
} from "@aws-sdk/client-iot";
import { ListFunctionsCommand } from "@aws-sdk/client-lambda";

import { Aws, deadline } from "./stand-in-provider/aws.ts";
import type { Access } from "./stand-in-provider/aws.ts";

/**
 * All that is in a small account's region and could have been made by a stack or a callee of ours, by kind and
 * name, in order: `role certferry-gateway-log-1a2b3c4`. It reads the first page of everything.
 */
export async function inventory(region: string, access: Access): Promise<string[]> {
  const { apiGateway, iam, iot, lambda, logs } = new Aws(region, access);
  const [apis, groups, roles, functions, policies, types, thingGroups, things, certificates] =
    await Promise.all([
      apiGateway.send(new GetRestApisCommand({}), deadline()),
      logs.send(new DescribeLogGroupsCommand({}), deadline()),
      iam.send(new ListRolesCommand({}), deadline()),
      lambda.send(new ListFunctionsCommand({}), deadline()),
      iot.send(new ListPoliciesCommand({}), deadline()),
      iot.send(new ListThingTypesCommand({}), deadline()),
      iot.send(new ListThingGroupsCommand({}), deadline()),
      iot.send(new ListThingsCommand({}), deadline()),
      iot.send(new ListCertificatesCommand({}), deadline()),
    ]);
  const named = (kind: string, names: readonly (string | undefined)[] | undefined): string[] =>
    (names ?? []).map((name) => `${kind} ${name ?? ""}`);
  return [
    ...named(
      "REST API",
      apis.items?.map(({ name }) => name),
    ),
    ...named(
      "log group",
      groups.logGroups?.map(({ logGroupName }) => logGroupName),
    ),
    ...named(
      "role",
      roles.Roles?.map(({ RoleName }) => RoleName),
    ),
    ...named(
      "function",
      functions.Functions?.map(({ FunctionName }) => FunctionName),
    ),
    ...named(
      "IoT policy",
      policies.policies?.map(({ policyName }) => policyName),
    ),
    ...named(
      "thing type",
      types.thingTypes?.map(({ thingTypeName }) => thingTypeName),
    ),
    ...named(
      "thing group",
      thingGroups.thingGroups?.map(({ groupName }) => groupName),
    ),
    ...named(
      "thing",
      things.things?.map(({ thingName }) => thingName),
    ),
    ...named(
      "certificate",
      certificates.certificates?.map(({ certificateId }) => certificateId),
    ),
  ].sort();
}
