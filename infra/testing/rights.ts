import { DeleteRolePolicyCommand, ListRolePoliciesCommand, ListRolesCommand } from "@aws-sdk/client-iam";

import { Aws, deadline, given } from "./stand-in-provider/aws.ts";
import type { Access } from "./stand-in-provider/aws.ts";

/**
 * Takes all rights of their own from the roles whose names begin so, as somebody in the AWS console might.
 * @throws Error when there is no such right
 */
export async function takeRights(region: string, access: Access, rolePrefix: string): Promise<void> {
  const { iam } = new Aws(region, access);
  const { Roles = [] } = await iam.send(new ListRolesCommand({}), deadline());
  let taken = 0;
  for (const { RoleName } of Roles.filter(({ RoleName = "" }) => RoleName.startsWith(rolePrefix))) {
    const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }), deadline());
    for (const PolicyName of PolicyNames) {
      const role = given(RoleName, "the roles");
      await iam.send(new DeleteRolePolicyCommand({ RoleName: role, PolicyName }), deadline());
      taken += 1;
    }
  }
  if (taken === 0) throw new Error(`no role that begins with ${rolePrefix} has a right to take`);
}
